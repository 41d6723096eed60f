import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.common.errors import ExperimentError
from experiments.training.checkpoints import Checkpoints
from experiments.training.trainer import Trainer
from tests.experiments.training.small import config, remedies_of, same, trained, trains_and_changes_what_is_learned


@pytest.mark.parametrize("name", remedies_of("test_second_order"))
def test_every_one_trains_and_changes_what_is_learned(name):
    trains_and_changes_what_is_learned(name, "(iterations=8)")


@pytest.mark.slow
def test_a_plain_network_learns_to_add_in_twenty_steps_side_by_side_with_another():
    """To a tenth of the loss by chance, 1/6, on sequences that it was not trained on."""
    fields = {"cells": "rnn", "hidden_size": 8, "batch": 128, "tasks": "adding(24)", "seeds": 2, "eval_batches": 2}
    trainer = Trainer(config(remedies="hessian_free", **fields))
    losses, _ = trainer.evaluate(trainer.advance(trainer.start(), 20))
    assert np.all(losses < 1 / 60)


def test_it_goes_on_from_a_checkpoint_with_the_same_bits(tmp_path):
    """Its damping, and the solution that the next step starts from, are of the state."""
    trainer, whole = trained(remedies="hessian_free(iterations=8)")
    assert not np.array_equal(whole.optimizer[-1].damping, trainer.start().optimizer[-1].damping)
    checkpoints = Checkpoints(tmp_path / "checkpoints", keep=1, identity="a")
    checkpoints.save(2, trainer.advance(trainer.start(), 2))
    _, restored = checkpoints.restore(trainer.start())
    assert same(trainer.advance(jax.tree.map(jnp.asarray, restored), 3), whole)


@pytest.mark.parametrize(
    ("remedies", "message"),
    [
        ("hessian_free+clip_recurrent", "HessianFree does not fit .*RecurrentGradient.*: it needs derivatives forward"),
        ("hessian_free+hessian_free", "HessianFree and HessianFree both take the optimiser's place"),
        ("hessian_free(damping=-1.0)", "damping must be above 0"),
    ],
)
def test_what_it_does_not_go_with_is_told(remedies, message):
    with pytest.raises(ExperimentError, match=message):
        config(remedies=remedies)
