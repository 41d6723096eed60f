import dataclasses

import numpy as np
import pytest

from configs.reproduce import length_extrapolation as defaults
from experiments.common.config import FieldError, from_config
from experiments.reproduce.length_extrapolation import Extrapolation, Shares, findings, train, wrong
from experiments.training.trainer import Trainer


def small():
    config = defaults.get_config()
    config.update({"train_lengths": (10, 12), "turn": 1, "test_lengths": (20,), "sequences": 100})
    config.train.update({"hidden_size": 4, "batch": 2, "steps": 3, "seeds": 2, "remedies": ""})
    return from_config(Extrapolation, config)


@pytest.mark.slow
def test_lengths_are_trained_on_in_turn_and_a_state_is_tested_at_any():
    config = small()
    state = train(config)
    assert state.step.tolist() == [3, 3]
    # The same three steps, by hand.
    trainers = [Trainer(dataclasses.replace(config.train, tasks=f"temporal_order({n})")) for n in (10, 12)]
    by_hand = trainers[0].start()
    for n in range(3):
        by_hand = trainers[n % 2].advance(by_hand, n + 1)
    np.testing.assert_array_equal(state.model.readout["w"], by_hand.model.readout["w"])
    shares = wrong(config, state, (20,))
    assert shares.shape == (1, 2) and (shares * 100 % 1 == pytest.approx(0, abs=1e-3)) and shares.max() <= 1


def test_only_networks_that_learned_are_spoken_of():
    tested = Shares(np.array([[0.0, 0.5]]), np.array([[0.0, 0.0], [0.02, 0.0]]))
    lines = findings(tested, (500, 5000), 10_000)
    assert lines[0].startswith("1 of 2 networks learned")
    assert (
        "1 made no mistake (a rate of at most 0.03%" in lines[1]
        and "none was free of mistakes, 1 was wrong" in lines[2]
    )
    assert len(findings(Shares(np.ones((1, 2)), np.zeros((2, 2))), (500, 5000), 10_000)) == 1


def test_another_task_is_refused():
    config = small()
    with pytest.raises(FieldError, match="tasks must be temporal_order"):
        dataclasses.replace(config, train=dataclasses.replace(config.train, tasks="adding(100)"))
