import json
import math

import numpy as np
import pytest

from experiments.common.config import to_dict
from experiments.remedies.config import Setting, Trial
from experiments.remedies.results import RESULTS, milliseconds_of, outcomes_of, over, result_rows
from experiments.training.measure import Flow
from experiments.training.metrics import METRICS
from experiments.training.results import part_name
from recurrax.tasks.task import Chance
from tests.experiments.remedies.made_up import comparison, kind, outcome

SETTING = Setting("none", 0.01)


@pytest.fixture
def folder(tmp_path):
    """Of a training of two seeds, the second of which diverged."""
    lines = [
        {"step": 0, "seed": 0, "eval_loss": 0.2, "eval_error": 1.0, "gradient_norms": True},
        {"step": 0, "seed": 1, "eval_loss": 0.2, "eval_error": 1.0},
        {"step": 2, "seed": 0, "loss": 0.1, "largest_gradient": 1.0, "eval_loss": 0.001, "eval_error": 0.0},
        {"step": 2, "seed": 1, "loss": 0.2},
        {"step": 3, "seed": 1, "diverged": True},
    ]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "parts").mkdir()
    flow = Flow(np.array([[[1.0, 3.0, 8.0]]]), np.array([[0, 0, 0]]))
    np.savez(tmp_path / "parts" / f"{part_name(0)}.npz", seeds=np.array([0]), **flow._asdict())
    (tmp_path / "timing.json").write_text('{"seconds_per_step_and_seed": 0.002}')
    return tmp_path


def test_what_a_training_left_is_read_seed_by_seed(folder):
    trial = Trial(kind(), SETTING, 0, 2, False)
    training = comparison(seeds=2).training(trial)
    first, second = outcomes_of(trial, training, folder, 0)
    assert (first.ended, first.solved_after, first.time, first.loss, first.error) == ("solved", 2, 2, 0.001, 0.0)
    assert (second.ended, second.solved_after, second.time) == ("diverged", None, 4) and math.isnan(second.loss)
    assert math.isnan(first.confirmed_error) and milliseconds_of(folder) == 2.0
    np.testing.assert_array_equal(first.log_norms[0], [3.0])
    assert {o.ended for o in outcomes_of(trial, training, folder, 1)} == {"failed"}


def test_a_training_is_over_where_it_is_finished_or_every_seed_diverged(folder):
    training = comparison(seeds=2).training(Trial(kind(), SETTING, 0, 2, False))
    assert not over(training, folder)
    (folder / "done.json").touch()
    (folder / "config.json").write_text(json.dumps({"config": to_dict(training)}))
    assert over(training, folder)
    assert not over(comparison(seeds=3).training(Trial(kind(), SETTING, 0, 3, False)), folder)
    alone = comparison(seeds=1, seed=1).training(Trial(kind(), SETTING, 1, 1, False))
    (folder / "done.json").unlink()
    own = [line for line in (folder / METRICS).read_text().splitlines() if '"seed": 1' in line]
    (folder / METRICS).write_text("\n".join([*own, ""]))
    assert over(alone, folder)
    (folder / METRICS).write_text("\n".join([*own[:-1], ""]))
    assert not over(alone, folder)


@pytest.mark.parametrize("damage", ["cut", "}{", '{"loss": 1.0}'])
def test_of_a_training_whose_metrics_are_not_whole_nothing_is_told_but_that(folder, capsys, damage):
    trial = Trial(kind(), SETTING, 0, 2, False)
    training = comparison(seeds=2).training(trial)
    lines = (folder / METRICS).read_text().splitlines()
    (folder / METRICS).write_text("\n".join([*lines[:3], *([] if damage == "cut" else [damage]), ""]))
    assert {o.ended for o in outcomes_of(trial, training, folder, 0)} == {"failed"}
    assert "warning:" in (err := capsys.readouterr().err) and METRICS in err and len(err.splitlines()) == 1
    assert not over(training, folder)


def test_a_damaged_timing_is_no_timing(folder):
    for content in ("", "{", "[]", "{}"):
        (folder / "timing.json").write_text(content)
        assert math.isnan(milliseconds_of(folder))


def test_the_rows_of_the_table_say_all_of_an_outcome_and_leave_empty_what_is_not_known():
    outcomes = [outcome("none", 3, 200, reach=-2.0), outcome("none", 1000, None, tuning=True, loss=math.nan)]
    first, second = (dict(zip(RESULTS, row, strict=True)) for row in result_rows(
        outcomes, {kind(): Chance(0.167, 0.92)}, {kind(): 1.5}))  # fmt: skip
    assert (first["seed"], first["solved_after_steps"], first["time_per_step_ms"], first["purpose"]) == (
        3,
        200,
        1.5,
        "report",
    )
    assert (first["eval_loss"], first["chance_loss"], first["log_reach_nats"]) == (0.1, 0.167, -2.0)
    assert (second["purpose"], second["solved_after_steps"], second["eval_loss"]) == ("tuning", None, None)
    assert second["time_per_step_ms"] is None and first["horizon_steps"] == 1000


def test_stages_are_before_half_way_and_after():
    norms = {step: np.full(3, float(step)) for step in (0, 10, 20, 30)}
    one = outcome("none", 0, None)
    assert {k: v[0] for k, v in one._replace(log_norms=norms).stages.items()} == {
        "before": 0,
        "during": 10,
        "after": 30,
    }
    assert list(one._replace(log_norms={0: norms[0], 10: norms[10]}).stages) == ["before", "after"]
    assert list(one.stages) == ["before"] and one._replace(log_norms={}).stages == {}
