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


# Orbax leaves threads behind where a read fails.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("damage", [truncate_data, flip_a_bit, remove_metadata, remove_manifest, empty])
def test_of_damaged_ones_the_last_good_one_is_taken_with_one_warning(kept, capsys, damage):
    damage(kept.folder / "40")
    step, restored = kept.restore(state())
    assert step == 30
    identical(restored, state(30))
    assert capsys.readouterr().err.count("warning:") == 1
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
