import json

import numpy as np
import pytest

from experiments.training.measure import Flow
from experiments.training.results import part_name, read
from recurrax.tasks.adding import Adding
from tests.experiments.training.small import config


@pytest.fixture
def folder(tmp_path):
    lines = [
        {"step": 0, "seed": 0, "eval_loss": 0.2, "eval_error": 1.0, "gradient_norms": True},
        {"step": 0, "seed": 1, "eval_loss": 0.3, "eval_error": 1.0, "gradient_norms": True},
        {"step": 2, "seed": 0, "loss": 0.1, "largest_gradient": 1.0, "eval_loss": 0.001, "eval_error": 0.0},
        {"step": 3, "seed": 1, "diverged": True},
    ]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"step": 4, "se')
    (tmp_path / "parts").mkdir()
    flow = Flow(np.arange(12.0).reshape(2, 3, 2), np.array([[2, 2], [1, 2]]))
    np.savez(tmp_path / "parts" / f"{part_name(0)}.npz", seeds=np.array([0, 1]), **flow._asdict())
    return tmp_path


def test_every_seed_has_its_lines_and_norms(folder):
    first, second = read(config(seeds=2), folder)
    assert [row["step"] for row in first.rows] == [0, 2] and [row["step"] for row in second.rows] == [0, 3]
    np.testing.assert_array_equal(second.flows[0].log_norms, np.arange(6.0, 12.0).reshape(3, 2))
    np.testing.assert_array_equal(second.flows[0].steps, [1, 2])
    assert [row["step"] for row in first.evaluated] == [0, 2]


def test_how_a_seed_ended_is_told(folder):
    first, second = read(config(seeds=2), folder)
    assert (first.solved_after(Adding(24)), first.diverged_in) == (2, None)
    assert (second.solved_after(Adding(24)), second.diverged_in) == (None, 3)


def test_a_training_that_has_not_begun_has_curves_without_points(tmp_path):
    (curve,) = read(config(), tmp_path)
    assert curve.seed == 0 and curve.rows == [] and curve.flows == {}
