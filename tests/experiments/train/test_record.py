import json

import numpy as np
import pytest

from experiments.common.workdir import Workdir
from experiments.train.record import recording
from experiments.training.measure import Flow
from experiments.training.results import read
from tests.experiments.training.small import config


@pytest.fixture
def workdir(tmp_path):
    with Workdir(tmp_path / "run", config={}, data={}) as workdir:
        yield workdir


def test_that_a_seed_diverged_in_a_step_is_not_the_line_of_that_step(workdir):
    with recording(workdir, 0, range(2)) as record:
        record.write(5, 0, {"loss": 1.0})
        record.write(10, 1, {"diverged": True})
        assert record.holds(5) and not record.holds(10) and record.first_divergence == 10
        record.write(10, 0, {"loss": 0.5})
        assert record.holds(10)


def test_what_lies_behind_the_step_that_a_training_goes_on_from_is_dropped(workdir):
    with recording(workdir, 0, range(2)) as record:
        for step in (5, 10, 15):
            record.write(step, 0, {"loss": 1.0})
    with recording(workdir, 10, range(2)) as record:
        assert record.holds(10) and not record.holds(15)
    lines = (workdir.path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [5, 10]


def test_the_flow_of_gradients_is_read_back_seed_by_seed(workdir):
    flow = Flow(np.arange(8.0).reshape(2, 2, 2), np.array([[1, 1], [0, 1]]))
    with recording(workdir, 0, range(2), tensorboard=True) as record:
        record.save_flow(0, np.array([0, 1]), flow)
        for seed in (0, 1):
            record.write(0, seed, {"gradient_norms": True})
    curves = read(config(seeds=2), workdir.path)
    for name in Flow._fields:
        np.testing.assert_array_equal([getattr(curve.flows[0], name) for curve in curves], getattr(flow, name))
    assert (workdir.path / "tensorboard").is_dir()
