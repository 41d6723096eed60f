import json
import math

import pytest

from experiments.common.errors import ExperimentError
from experiments.training.metrics import Metrics


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def path(tmp_path):
    with Metrics(tmp_path / "metrics.jsonl") as metrics:
        metrics.open(0)
        for step in (10, 20, 30):
            metrics.write(step, loss=step / 10)
    return tmp_path / "metrics.jsonl"


def test_a_line_per_step_and_null_for_what_json_lacks(path):
    assert lines(path) == [{"step": 10, "loss": 1.0}, {"step": 20, "loss": 2.0}, {"step": 30, "loss": 3.0}]
    with Metrics(path) as metrics:
        metrics.open(30)
        metrics.write(40, loss=math.nan, several=[1.0, math.inf], flag=True)
    assert lines(path)[-1] == {"step": 40, "loss": None, "several": [1.0, None], "flag": True}


def test_what_lies_after_the_step_that_a_run_goes_on_from_is_written_again(path):
    before = path.read_bytes()
    with Metrics(path) as metrics:
        metrics.open(20)
        assert [row["step"] for row in metrics.rows] == [10, 20]
        metrics.write(30, loss=3.0)
    assert path.read_bytes() == before


def test_a_line_that_was_cut_short_is_dropped(path):
    path.write_bytes(path.read_bytes()[:-4])
    with Metrics(path) as metrics:
        metrics.open(1000)
        assert [row["step"] for row in metrics.rows] == [10, 20]
        metrics.write(30, loss=3.0)
    assert len(lines(path)) == 3


def test_damage_in_the_middle_is_named(path):
    whole = path.read_text().splitlines()
    path.write_text("\n".join([whole[0], "}{", whole[2], ""]))
    with Metrics(path) as metrics, pytest.raises(ExperimentError, match=r"metrics.jsonl, line 2: damaged"):
        metrics.open(30)


def test_a_full_disk_leaves_whole_lines(path, monkeypatch):
    with Metrics(path) as metrics:
        metrics.open(30)

        def full(_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            metrics.write(40, loss=4.0)
    assert len(lines(path)) == 3
