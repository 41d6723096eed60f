import json
import math
import re

import pytest

from experiments.common.errors import ExperimentError
from experiments.training.metrics import METRICS, Metrics, read_rows

SEEDS = range(2)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def path(tmp_path):
    with Metrics(tmp_path / METRICS, SEEDS) as metrics:
        metrics.open(0)
        for step in (10, 20, 30):
            metrics.write(step, 0, loss=step / 10)
    return tmp_path / METRICS


def test_a_line_per_step_and_null_for_what_json_lacks(path):
    assert lines(path) == [{"step": step, "seed": 0, "loss": step / 10} for step in (10, 20, 30)]
    with Metrics(path, SEEDS) as metrics:
        metrics.open(30)
        metrics.write(40, 0, loss=math.nan, several=[1.0, math.inf], flag=True)
    assert lines(path)[-1] == {"step": 40, "seed": 0, "loss": None, "several": [1.0, None], "flag": True}


def test_what_lies_after_the_step_that_a_run_goes_on_from_is_written_again(path):
    before = path.read_bytes()
    with Metrics(path, SEEDS) as metrics:
        metrics.open(20)
        assert [row["step"] for row in metrics.rows] == [10, 20]
        metrics.write(30, 0, loss=3.0)
    assert path.read_bytes() == before


def test_a_line_that_was_cut_short_is_dropped(path):
    path.write_bytes(path.read_bytes()[:-4])
    with Metrics(path, SEEDS) as metrics:
        metrics.open(1000)
        assert [row["step"] for row in metrics.rows] == [10, 20]
        metrics.write(30, 0, loss=3.0)
    assert len(lines(path)) == 3


LINE = '{"step": 20, "seed": 0, "loss": 2.0}'


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"seed": 0, "loss": 2.0}', 'it has no "step" of 0 or more'),
        ('{"step": 20, "loss": 2.0}', 'it has no "seed" of 0 or more'),
        ('{"step": "20", "seed": 0}', "its \"step\" is '20'"),
        ('{"step": -20, "seed": 0}', 'its "step" is -20'),
        ('{"step": true, "seed": 0}', 'its "step" is True'),
        ("}{", "it is damaged, being no JSON"),
        ("", "it is damaged, being no JSON"),
        ("\0" * 30, "it is damaged, being no JSON"),
        ("[" * 100_000, "it is damaged, being no JSON"),
        ("[1]", "it is damaged, being list where an object is expected"),
        (f"{LINE}\n{LINE}", "step 20 of seed 0 stands there twice"),
        ('{"step": 5, "seed": 0}', "step 5 comes after step 10"),
        ('{"step": 20, "seed": 7}', "it is of another run: seed 7 is none of 0 to 1"),
    ],
)
def test_a_line_that_cannot_be_of_this_run_is_named(path, line, problem):
    first, _, last = path.read_text().splitlines()
    path.write_text(f"{first}\n{line}\n{last}\n")
    before = path.read_bytes()
    number = 3 if line.count("\n") else 2
    message = rf"metrics\.jsonl, line {number}: {re.escape(problem)}\.\nNothing was changed\. Without this line"
    with pytest.raises(ExperimentError, match=message):
        read_rows(path, SEEDS)
    with Metrics(path, SEEDS) as metrics, pytest.raises(ExperimentError, match=message):
        metrics.open(30)
    assert path.read_bytes() == before


def test_of_a_step_whose_lines_are_not_all_there_they_are_written_again(path):
    with Metrics(path, SEEDS) as metrics:
        metrics.open(30)
        metrics.write(40, 1, diverged=True)
        metrics.write(40, 0, loss=4.0)
        metrics.write(50, 0, loss=5.0)
    with Metrics(path, SEEDS) as metrics:
        metrics.open(40, whole=False)
        assert [(row["step"], row["seed"]) for row in metrics.rows] == [(10, 0), (20, 0), (30, 0), (40, 1)]


def test_what_is_cut_short_may_end_in_any_bytes(path):
    before = path.read_bytes()
    path.write_bytes(before + b"\0" * 50)
    assert [row["step"] for row in read_rows(path, SEEDS)] == [10, 20, 30]
    path.write_bytes(before.replace(b"2.0", '"\u2028 \x85"'.encode()))
    assert len(read_rows(path, SEEDS)) == 3


def test_a_full_disk_leaves_whole_lines(path, monkeypatch):
    with Metrics(path, SEEDS) as metrics:
        metrics.open(30)

        def full(_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            metrics.write(40, 0, loss=4.0)
    assert len(lines(path)) == 3
