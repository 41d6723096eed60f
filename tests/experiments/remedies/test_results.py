import json

import numpy as np
import pytest

from experiments.remedies.config import Trial
from experiments.remedies.results import by_length, outcomes_of, over, ranking
from experiments.training.measure import Flow
from experiments.training.metrics import METRICS
from experiments.training.results import part_name
from tests.experiments.remedies.made_up import comparison, outcome


def test_who_solves_most_comes_first_then_who_is_faster():
    outcomes = [outcome("slow", 0, 40), outcome("slow", 1, 60), outcome("fast", 0, 20), outcome("fast", 1, 20)]
    outcomes += [outcome("none", 0, 10, reach=-3.0), outcome("none", 1, None, reach=-5.0)]
    entries = ranking(outcomes)
    assert [e.remedy for e in entries] == ["fast", "slow", "none"]
    assert [e.steps for e in entries] == [(20, 20, 20), (50, 40, 60), (10, 10, 10)]
    assert entries[2].reach == pytest.approx(-4) and entries[2].rate[:2] == (1, 2)


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
    trial = Trial("rnn", "adding", 24, "none", 0, 2)
    training = comparison(seeds=2).training(trial)
    first, second = outcomes_of(trial, training, folder, 0)
    assert (first.ended, first.solved_after, first.milliseconds) == ("solved", 2, 2.0)
    assert (second.ended, second.solved_after) == ("diverged", None)
    np.testing.assert_array_equal(first.log_norms[0], [3.0])
    assert {o.ended for o in outcomes_of(trial, training, folder, 1)} == {"failed"}


def test_a_training_is_over_where_it_is_finished_or_every_seed_diverged(folder):
    training = comparison(seeds=2).training(Trial("rnn", "adding", 24, "none", 0, 2))
    assert not over(training, folder)
    (folder / "done.json").touch()
    assert over(training, folder)
    alone = comparison(seeds=1, seed=1).training(Trial("rnn", "adding", 24, "none", 1, 1))
    (folder / "done.json").unlink()
    own = [line for line in (folder / METRICS).read_text().splitlines() if '"seed": 1' in line]
    (folder / METRICS).write_text("\n".join([*own, ""]))
    assert over(alone, folder)
    (folder / METRICS).write_text("\n".join([*own[:-1], ""]))
    assert not over(alone, folder)


@pytest.mark.parametrize("damage", ["cut", "}{", '{"loss": 1.0}'])
def test_of_a_training_whose_metrics_are_not_whole_nothing_is_told_but_that(folder, capsys, damage):
    trial = Trial("rnn", "adding", 24, "none", 0, 2)
    training = comparison(seeds=2).training(trial)
    lines = (folder / METRICS).read_text().splitlines()
    (folder / METRICS).write_text("\n".join([*lines[:3], *([] if damage == "cut" else [damage]), ""]))
    assert {o.ended for o in outcomes_of(trial, training, folder, 0)} == {"failed"}
    assert "warning:" in (err := capsys.readouterr().err) and METRICS in err and len(err.splitlines()) == 1
    assert not over(training, folder)


def test_a_damaged_timing_is_no_timing(folder):
    trial = Trial("rnn", "adding", 24, "none", 0, 2)
    training = comparison(seeds=2).training(trial)
    for content in ("", "{", "[]", "{}"):
        (folder / "timing.json").write_text(content)
        assert np.isnan(outcomes_of(trial, training, folder, 0)[0].milliseconds)


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


def test_rates_and_steps_go_by_length():
    outcomes = [outcome("none", 0, 10), outcome("none", 1, None), outcome("clip_norm(1.0)", 0, 30)]
    ((length, rate, steps),) = by_length(outcomes, comparison(lengths=(4,), tasks="copy"), lambda t: t.remedy == "none")
    assert (length, rate.count, rate.of, steps) == (4, 1, 2, 10.0)
    assert by_length(outcomes, comparison(lengths=(8,), tasks="copy"), lambda t: True) == []
