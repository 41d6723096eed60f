import numpy as np
import pytest

from tests.experiments.training.small import remedies_of, trained, trains_and_changes_what_is_learned

ARGUMENTS = {"normalize_batch": "(0.5)+clip_recurrent(1.0)"}
"""With a wrapper around it, beneath which its statistics are set."""


@pytest.mark.parametrize("name", remedies_of("test_normalization"))
def test_every_one_trains(name):
    trains_and_changes_what_is_learned(name, ARGUMENTS.get(name, ""))


def test_population_statistics_are_set_for_evaluations_alone():
    trainer, state = trained(remedies="normalize_batch" + ARGUMENTS["normalize_batch"])
    (before, *_), (after, *_) = state.model.cell.statistics_h, trainer.settled(state).cell.statistics_h
    assert np.all(before.variance == 1) and np.all(before.mean == 0)
    assert not np.allclose(after.variance, 1) and before.variance.shape[:2] == (1, 24)
    assert all(np.isfinite(value).all() for value in trainer.evaluate(state))
