import json
import subprocess
import sys
from importlib import metadata

import numpy as np
import pytest

from experiments.common.errors import ExperimentError
from experiments.common.workdir import Workdir

CONFIG, DATA = {"cells": "lstm", "train": {"steps": 3}}, {"sha256": "ab"}


def opened(path, config=CONFIG, data=DATA):
    return Workdir(path, config=config, data=data)


def test_a_new_folder_records_config_data_versions_and_machine(tmp_path):
    with opened(tmp_path / "new" / "run") as workdir:
        assert not workdir.finished and not workdir.resumed
    record = json.loads((tmp_path / "new" / "run" / "config.json").read_text())
    assert record["config"] == CONFIG and record["data"] == DATA
    assert {"python", "jax", "numpy", "recurrax"} <= record["versions"].keys() and record["machine"]["device"]


def test_parts_come_back_bit_by_bit_in_the_next_run(tmp_path):
    arrays = {
        "log_norm/joint": np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32),
        "text": np.array("τ"),
    }
    with opened(tmp_path) as workdir:
        workdir.save_part("lstm", arrays)
    with opened(tmp_path) as workdir:
        assert workdir.resumed and workdir.load_part("gru") is None
        loaded = workdir.load_part("lstm")
    assert list(loaded) == list(arrays)
    np.testing.assert_array_equal(loaded["log_norm/joint"], arrays["log_norm/joint"])
    assert str(loaded["text"]) == "τ"


def test_a_damaged_part_counts_as_missing_with_a_warning(tmp_path, capsys):
    with opened(tmp_path) as workdir:
        workdir.save_part("lstm", {"a": np.arange(1000)})
        part = tmp_path / "parts" / "lstm.npz"
        whole = part.read_bytes()
        part.write_bytes(whole[:-30])
        assert workdir.load_part("lstm") is None
        part.write_bytes(whole[:100] + bytes(b ^ 0xFF for b in whole[100:120]) + whole[120:])
        assert workdir.load_part("lstm") is None
    assert capsys.readouterr().err.count("is damaged") == 2


def test_a_part_of_another_version_counts_as_missing_with_a_warning(tmp_path, capsys):
    with opened(tmp_path) as workdir:
        workdir.save_part("lstm", {"a": np.arange(3)})
        assert workdir.load_part("lstm", needed=("a",)) is not None
        assert workdir.load_part("lstm", needed=("a", "log_norm/joint")) is None
    assert "it has no log_norm/joint" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"garbage", "File is not a zip file"),
        (b"", "File is not a zip file"),
        ("objects", "an array in it holds Python objects"),
    ],
)
def test_of_a_part_that_is_none_is_said_what_it_is(tmp_path, capsys, content, reason):
    """NumPy would have said how to run code from it."""
    with opened(tmp_path) as workdir:
        workdir.save_part("lstm", {"a": np.arange(3)})
        part = tmp_path / "parts" / "lstm.npz"
        if content == "objects":
            np.savez(part, a=np.array([None]))
        else:
            part.write_bytes(content)
        assert workdir.load_part("lstm") is None
    err = capsys.readouterr().err
    assert f"is damaged ({reason})" in err and "pickle" not in err


def test_a_part_that_cannot_be_read_at_the_moment_does_not_count_as_missing(tmp_path, monkeypatch):
    def fails(_):
        raise OSError(5, "Input/output error")

    with opened(tmp_path) as workdir:
        workdir.save_part("lstm", {"a": np.arange(3)})
        monkeypatch.setattr("pathlib.Path.read_bytes", fails)
        with pytest.raises(OSError, match="Input/output"):
            workdir.load_part("lstm")


def test_of_other_versions_is_warned_once_and_all_that_took_part_are_kept(tmp_path, monkeypatch, capsys):
    with opened(tmp_path) as workdir:
        first = workdir.record["versions"]
    capsys.readouterr()
    version = metadata.version
    for later in ("99.0", "98.0", "99.0"):
        monkeypatch.setattr(metadata, "version", lambda name, now=later: now if name == "jax" else version(name))
        with opened(tmp_path) as workdir:
            record = workdir.record
        assert json.loads((tmp_path / "config.json").read_text()) == record
    err = capsys.readouterr().err
    assert err.count("warning:") == 2 and f"jax {first['jax']} there and 99.0 here" in err
    assert record["versions"] == first and record["config"] == CONFIG
    assert [part["versions"]["jax"] for part in record["resumed_with"]] == ["99.0", "98.0"]
    assert all(part["started"] and part["machine"] for part in record["resumed_with"])


def test_a_finished_folder_takes_no_part_in_what_runs_now(tmp_path, monkeypatch, capsys):
    with opened(tmp_path) as workdir:
        workdir.write_text("report.html", "")
        workdir.finish()
    before = (tmp_path / "config.json").read_bytes()
    monkeypatch.setattr(metadata, "version", lambda _: "99.0")
    with opened(tmp_path) as workdir:
        assert workdir.nothing_to_do("study")
    assert "warning" not in capsys.readouterr().err and (tmp_path / "config.json").read_bytes() == before


@pytest.mark.parametrize("versions", [None, 3, {"jax": None}, "absent"])
def test_a_record_without_versions_counts_as_of_other_ones(tmp_path, capsys, versions):
    with opened(tmp_path) as workdir:
        record = workdir.record
    record["versions"] = versions
    if versions == "absent":
        del record["versions"]
    (tmp_path / "config.json").write_text(json.dumps(record))
    with opened(tmp_path) as workdir:
        assert workdir.record["resumed_with"][0]["versions"]["jax"]
    assert "with other versions" in capsys.readouterr().err


def test_a_finished_folder_says_so(tmp_path):
    with opened(tmp_path) as workdir:
        workdir.finish()
    with opened(tmp_path) as workdir:
        assert workdir.finished and not workdir.resumed


@pytest.mark.parametrize(
    ("config", "data", "message"),
    [
        ({**CONFIG, "train": {"steps": 4}}, DATA, "config.train.steps is 3 there and 4 here"),
        (CONFIG, {"sha256": "cd"}, "data.sha256 is 'ab' there and 'cd' here"),
    ],
)
def test_another_study_is_refused_and_nothing_is_changed(tmp_path, config, data, message):
    with opened(tmp_path):
        pass
    before = (tmp_path / "config.json").read_bytes()
    with pytest.raises(ExperimentError, match=message):
        opened(tmp_path, config, data)
    assert (tmp_path / "config.json").read_bytes() == before


def test_a_foreign_folder_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    (tmp_path / ".tmp-draft").write_text("looks like ours, is not")
    with pytest.raises(ExperimentError, match="holds no study"):
        opened(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"thesis.tex", ".tmp-draft"}


def test_what_a_run_killed_at_its_start_leaves_is_no_foreign_folder(tmp_path):
    (tmp_path / ".lock").touch()
    (tmp_path / ".tmp-x").touch()
    with opened(tmp_path) as workdir:
        assert not workdir.resumed and not (tmp_path / ".tmp-x").exists()


@pytest.mark.parametrize("content", ["{", "[]", "\x00", "null", "3", "[1]"])
def test_a_broken_config_json_is_named(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ExperimentError, match=r"config\.json cannot be read"):
        opened(tmp_path)


def test_a_path_below_a_file_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ExperimentError, match="cannot be written"):
        opened(tmp_path / "file" / "run")


def test_two_runs_cannot_share_a_folder(tmp_path):
    with opened(tmp_path), pytest.raises(ExperimentError, match="in use by another process"):
        opened(tmp_path)
    with opened(tmp_path):
        pass  # and the lock is gone with its holder


def test_killed_at_any_moment_it_leaves_whole_files_only(tmp_path):
    """A child writes without end and is killed, again and again; one parent imports what they need once."""
    code = (
        "import os, signal, sys, time, numpy as np; from pathlib import Path\n"
        "from experiments.common.workdir import Workdir\n"
        "def write():\n"
        "    w = Workdir(Path(sys.argv[1]), config={}, data={}); os.write(1, b'.'); n = 0\n"
        "    while True: n += 1; w.save_part('p', {'n': np.full(200_000, n)}); w.write_text('t.txt', f'{n}\\n' * 50_000)\n"
        "for delay in (0.05, 0.13, 0.21):\n"
        "    ours, theirs = os.pipe(); child = os.fork()\n"
        "    if child == 0: os.dup2(theirs, 1); write()\n"
        "    assert os.read(ours, 1) == b'.'; time.sleep(delay); os.kill(child, signal.SIGKILL); os.waitpid(child, 0)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=120, stderr=subprocess.DEVNULL)
    with Workdir(tmp_path, config={}, data={}) as workdir:
        part = workdir.load_part("p")
        assert part is not None and (part["n"] == part["n"][0]).all()
    assert len(set((tmp_path / "t.txt").read_text().split())) == 1
    assert not list(tmp_path.rglob(".tmp-*"))


STUDY = {"cells": "rnn,lstm", "seeds": 2, "train": {"steps": (0, 10), "rate": 0.1}}


@pytest.mark.parametrize(
    "larger",
    [
        {"cells": "gru,lstm,rnn"},
        {"seeds": 3},
        {"train": {"steps": (0, 10, 20), "rate": 0.1}},
    ],
)
def test_a_finished_study_goes_on_as_a_larger_one(tmp_path, larger):
    grows = ("cells", "seeds", "train.steps")
    with Workdir(tmp_path, config=STUDY, data={}, grows=grows) as workdir:
        workdir.save_part("lstm", {"a": np.arange(3)})
        workdir.write_text("report.html", "")
        workdir.finish()
    with Workdir(tmp_path, config=STUDY | larger, data={}, grows=grows) as workdir:
        assert workdir.resumed and not workdir.nothing_to_do("study")
        assert workdir.load_part("lstm") is not None
    assert not (tmp_path / "done.json").exists()
    assert json.loads((tmp_path / "config.json").read_text())["config"] == json.loads(json.dumps(STUDY | larger))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"cells": "lstm"}, "config.cells is 'rnn,lstm' there and 'lstm' here.*can grow in this, and not shrink"),
        ({"seeds": 1}, "config.seeds is 2 there and 1 here"),
        ({"train": {"steps": (0, 10), "rate": 0.2}}, "config.train.rate"),
    ],
)
def test_what_is_no_larger_study_is_refused_and_nothing_changed(tmp_path, other, message):
    with Workdir(tmp_path, config=STUDY, data={}, grows=("cells", "seeds", "train.steps")) as workdir:
        workdir.finish()
    before = (tmp_path / "config.json").read_bytes()
    with pytest.raises(ExperimentError, match="(?s)" + message):
        Workdir(tmp_path, config=STUDY | other, data={}, grows=("cells", "seeds", "train.steps"))
    assert (tmp_path / "config.json").read_bytes() == before and (tmp_path / "done.json").exists()
