import pytest

from experiments.training.trainer import Trainer
from tests.experiments.training.small import config, remedies_of, trains_and_changes_what_is_learned


@pytest.mark.parametrize("name", remedies_of("test_auxiliary"))
def test_every_one_trains_and_changes_what_is_learned(name):
    trains_and_changes_what_is_learned(name)


def test_what_was_seen_is_learned_to_be_read_back():
    """Of the error that the reconstruction adds to the loss, most goes."""
    fields = {"cells": "irnn", "hidden_size": 24, "optimizer": "adam", "learning_rate": 0.01, "steps": 400}
    trainer = Trainer(config(remedies="reconstruct(1.0, steps=2)", **fields))
    first = trainer.advance(trainer.start(), 20)
    sums = [float(first.loss_sum[0]), float(trainer.advance(first, 400).loss_sum[0])]
    assert (sums[1] - sums[0]) / 380 < 0.5 * sums[0] / 20
