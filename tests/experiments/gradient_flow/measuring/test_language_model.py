import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.common.errors import ExperimentError
from experiments.gradient_flow.config import Train
from experiments.gradient_flow.measuring.language_model import Trainer, as_arrays, init_model, mean_losses
from experiments.gradient_flow.measuring.sources import MEASURED, TextSource
from experiments.gradient_flow.measuring.text import Text
from recurrax import RNN, unroll

CELL, SEEDS = RNN(hidden_size=4), jnp.arange(2)
TRAIN = Train(snapshots=(0, 30), batch=4, length=8, learning_rate=0.02, clip_norm=1.0)


@pytest.fixture(scope="module")
def source():
    ids = np.tile(np.arange(3, dtype=np.int32), 60)
    return TextSource(Text("abc", "", np.frombuffer(b"abc", np.uint8), ids[:150], ids[150:]))


def trained(source, *until, train=TRAIN):
    trainer = Trainer(CELL, source, train)
    training = trainer.start(init_model(CELL, source, SEEDS), SEEDS)
    for step in until:
        *_, training = trainer.advance(training, step)
    return training


def test_every_seed_draws_a_model_of_its_own(source):
    w = init_model(CELL, source, SEEDS).cell.w_h
    assert w.shape == (2, 4, 4) and (w[0] != w[1]).any()


def test_it_learns_and_ends_with_the_same_bits_however_many_snapshots_there_are(source):
    at_once, in_two = trained(source, 30), trained(source, 7, 30)
    jax.tree.map(np.testing.assert_array_equal, at_once, in_two)
    losses = np.asarray(at_once.losses)
    assert losses.shape == (2, 30) and np.isfinite(losses).all() and (losses[:, -1] < losses[:, 0] - 0.1).all()
    xs, targets = source.sequences(MEASURED, 3, 12)
    _, ys = jax.vmap(lambda params: unroll(CELL, params, xs))(at_once.model.cell)
    assert (mean_losses(source, at_once.model, ys, targets) < losses[:, 0]).all()


def test_a_training_that_diverges_is_told(source):
    train = dataclasses.replace(TRAIN, learning_rate=1e38, clip_norm=1e38)
    with pytest.raises(ExperimentError, match="The loss of RNN became NaN or inf before training step"):
        trained(source, 30, train=train)


def test_a_training_that_was_kept_goes_on_to_the_bits_of_a_longer_one(source):
    kept = as_arrays(trained(source, 20, train=dataclasses.replace(TRAIN, snapshots=(0, 20))))
    assert kept["losses"].shape == (2, 20)
    trainer = Trainer(CELL, source, TRAIN)
    training = trainer.resume(kept, init_model(CELL, source, SEEDS))
    *_, training = trainer.advance(training, 30)
    jax.tree.map(np.testing.assert_array_equal, training, trained(source, 30))
