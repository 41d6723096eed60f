import errno
import gc
import json
import pathlib
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.common.errors import ExperimentError
from experiments.training.checkpoints import Checkpoints


def state(value=1.0, dtype=jnp.float32):
    params = {"w": jnp.full((3, 4), value, dtype), "none": jnp.zeros((0, 3)), "half": jnp.full(2, value, jnp.bfloat16)}
    return {"step": jnp.asarray(int(value)), "params": params, "optimizer": optax.adam(1e-3).init(params)}


def identical(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    jax.tree.map(np.testing.assert_array_equal, a, b)
    assert [x.dtype for x in jax.tree.leaves(a)] == [x.dtype for x in jax.tree.leaves(b)]


@pytest.fixture
def kept(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoints", keep=3, identity="a")
    for step in (10, 20, 30, 40):
        checkpoints.save(step, state(step))
    return checkpoints


def test_the_last_one_comes_back_as_it_was_and_old_ones_go(kept):
    assert kept.steps() == [20, 30, 40]
    step, restored = kept.restore(state())
    assert step == 40
    identical(restored, state(40))


def test_where_there_is_none_none_comes_back(tmp_path):
    assert Checkpoints(tmp_path / "no", keep=2, identity="a").restore(state()) is None


def files(folder, pattern):
    return sorted(path for path in folder.rglob(pattern) if path.is_file())


def truncate_data(folder):
    for path in files(folder, "state/**/d/*"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_a_bit(folder):
    path = max(files(folder, "state/**/d/*"), key=lambda p: p.stat().st_size)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def remove_metadata(folder):
    for path in files(folder, "state/_METADATA"):
        path.unlink()
    for path in files(folder, "state/manifest.ocdbt"):
        path.unlink()


def remove_manifest(folder):
    shutil.rmtree(folder / "manifest")


def empty(folder):
    shutil.rmtree(folder)
    folder.mkdir()


def remove_data(folder):
    for path in files(folder, "state/d/*"):
        path.unlink()


def another(dtype, shape):
    """Returns what writes another dtype and shape of an array into the manifest."""

    def damage(folder):
        path = folder / "manifest" / "metadata"
        manifest = json.loads(path.read_text())
        manifest["arrays"]["params/w"] = [dtype, shape]
        path.write_text(json.dumps(manifest))

    return damage


DAMAGES = [
    *(truncate_data, flip_a_bit, remove_data, remove_metadata, remove_manifest, empty),
    *(another("float16", [3, 4]), another("float32", [4, 3]), another("no dtype", [3, 4])),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_of_damaged_ones_the_last_good_one_is_taken_with_one_warning(kept, capsys, damage):
    damage(kept.folder / "40")
    step, restored = kept.restore(state())
    assert step == 30
    identical(restored, state(30))
    # And what Orbax leaves behind where a read fails says nothing, which came to 160 lines.
    gc.collect()
    assert (err := capsys.readouterr().err).count("warning:") == 1 and len(err.splitlines()) == 1
    assert kept.steps() == [20, 30] and (kept.folder / "40.damaged").is_dir()
    kept.save(40, state(40))
    assert kept.restore(state())[0] == 40


def test_one_of_another_run_is_not_taken(kept, tmp_path, capsys):
    other = Checkpoints(tmp_path / "other", keep=3, identity="b")
    other.save(50, state(50))
    shutil.copytree(tmp_path / "other" / "50", kept.folder / "50")
    assert kept.restore(state())[0] == 40
    assert "it belongs to another run" in capsys.readouterr().err


def test_where_all_are_damaged_it_does_not_begin_anew(kept):
    for step in kept.steps():
        empty(kept.folder / str(step))
    with pytest.raises(ExperimentError, match="3 checkpoints, none of which can be read"):
        kept.restore(state())
    # Nor at the next try.
    with pytest.raises(ExperimentError, match="none of which can be read"):
        kept.restore(state())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda s: s["params"].update(w=jnp.ones((3, 4), jnp.float16)),
            r"params/w is float32\[3, 4\] there, and float16",
        ),
        (lambda s: s["params"].update(w=jnp.ones((4, 4))), r"params/w is float32\[3, 4\] there, and float32\[4, 4\]"),
        (lambda s: s["params"].update(more=jnp.ones(1)), r"params/more is missing there, and float32\[1\]"),
        (lambda s: s["params"].pop("half"), r"params/half is bfloat16\[2\] there, and missing"),
    ],
)
def test_other_arrays_than_expected_are_named(kept, change, message):
    like = state()
    change(like)
    with pytest.raises(ExperimentError, match=message):
        kept.restore(like)
    assert kept.steps() == [20, 30, 40]


@pytest.mark.parametrize("name", ["\u00b2", "\u0664\u0662", "050", "+50", "50 ", "5_0", "-50", "50.damaged"])
def test_a_folder_that_is_named_by_no_step_is_none(kept, name):
    """`"\u00b2".isdigit()` is true, and `int` of it an error."""
    (kept.folder / name).mkdir()
    (kept.folder / "60").touch()
    assert kept.steps() == [20, 30, 40] and kept.restore(state())[0] == 40


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EIO, "Input/output error"),
        PermissionError(errno.EACCES, "Permission denied"),
        ValueError("UNAVAILABLE: Error opening zarr driver"),
        RuntimeError("while reading"),
    ],
)
def test_what_cannot_be_read_at_the_moment_stays_where_it_is(kept, monkeypatch, error):
    def fails(*_, **__):
        raise error from (OSError(errno.EMFILE, "Too many open files") if type(error) is RuntimeError else None)

    with monkeypatch.context() as patch:
        patch.setattr(kept._checkpointer, "restore", fails)
        with pytest.raises(OSError, match="checkpoint cannot be read: "):
            kept.restore(state())
    assert kept.steps() == [20, 30, 40] and not list(kept.folder.glob("*.damaged"))
    assert kept.restore(state())[0] == 40


def test_a_file_that_the_system_cannot_read_is_not_damaged_whatever_orbax_makes_of_it(kept, monkeypatch):
    def fails(*_, **__):
        raise ValueError("NOT_FOUND")

    original = pathlib.Path.open

    def opened(path, *arguments, **named):
        if path.name == "_METADATA":
            raise OSError(errno.EIO, "Input/output error")
        return original(path, *arguments, **named)

    monkeypatch.setattr(kept._checkpointer, "restore", fails)
    monkeypatch.setattr(pathlib.Path, "open", opened)
    with pytest.raises(OSError, match="checkpoint cannot be read: Input/output error"):
        kept.restore(state())
    assert kept.steps() == [20, 30, 40]


@pytest.mark.parametrize(("up_to", "step"), [(100, 40), (39, 30), (20, 20)])
def test_those_of_later_steps_than_asked_for_are_passed_over(kept, up_to, step):
    assert kept.restore(state(), up_to=up_to)[0] == step
    assert kept.steps() == [20, 30, 40]


def test_where_all_are_of_later_steps_there_is_none(kept):
    assert kept.restore(state(), up_to=19) is None and kept.steps() == [20, 30, 40]


def test_what_was_cut_short_is_no_checkpoint(kept):
    (kept.folder / "50.orbax-checkpoint-tmp").mkdir()
    assert kept.restore(state())[0] == 40


def test_a_folder_that_cannot_be_written_is_an_os_error(kept, monkeypatch):
    def full(*_, **__):
        raise ValueError("RESOURCE_EXHAUSTED: No space left on device\nmore")

    monkeypatch.setattr(kept._checkpointer, "save", full)
    with pytest.raises(OSError, match="checkpoint cannot be written: RESOURCE_EXHAUSTED: No space left"):
        kept.save(50, state(50))
    assert kept.steps() == [20, 30, 40]


def test_random_keys_come_back_as_keys(tmp_path):
    given = {"key": jax.random.key(3), "each": jax.random.split(jax.random.key(4, impl="rbg"), 2), "x": jnp.ones(2)}
    checkpoints = Checkpoints(tmp_path / "checkpoints", keep=1, identity="a")
    checkpoints.save(1, given)
    _, got = checkpoints.restore(given)
    for name in ("key", "each"):
        assert got[name].dtype == given[name].dtype
        np.testing.assert_array_equal(jax.random.key_data(got[name]), jax.random.key_data(given[name]))
