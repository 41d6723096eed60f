import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.common.config import from_config
from experiments.common.errors import ExperimentError
from experiments.training.config import Training
from experiments.training.measure import log_norms
from experiments.training.remedies import all_remedies, make_remedies
from experiments.training.trainer import Trainer

SMALL = {
    "cells": "gru", "hidden_size": 4, "tasks": "adding(24)", "remedies": "", "optimizer": "sgd", "learning_rate": 0.1,
    "batch": 3, "steps": 4, "seed": 0, "seeds": 1, "tensorboard": False, "log_every": 2, "eval_every": 2, "eval_batches": 1, "save_every": 2,
    "stop_when_solved": True, "flow": {"every": 0, "batch": 2},
}  # fmt: skip
FITTING = {
    "identity_start": "rnn", "shortcut": "rnn(2)", "floss": "rnn", "skip_recurrence": "rnn", "constrain_orthogonal": "rnn",
    "truncate_adaptively": "gru(forget_bias=-3.0)",
}  # fmt: skip
"""Cells for remedies that do not fit a GRU, or cost less with another."""
ARGUMENTS = {"orthogonal": "(0.5)", "omega": "(0.5)", "floss": "(1.0, exponents=2)", "truncate": "(6)"}


def config(**fields):
    return from_config(Training, {**SMALL, **fields})


@functools.cache
def trained(**fields):
    trainer = Trainer(config(**fields))
    return trainer, trainer.advance(trainer.start(), 3)


LIKE_ANOTHER = (
    "orthogonal", "identity_start", "clip_value", "stabilize_norm", "soft_orthogonal", "dilate", "shortcut",
    "skip_recurrence", "constrain_orthogonal", "normalize_layer",
)  # fmt: skip
"""Remedies that enter a training as another one does, whose test is left to `make test-all`."""


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n in LIKE_ANOTHER)) for n in all_remedies()]
)
def test_every_remedy_trains_and_changes_what_is_learned(name):
    cell = FITTING.get(name, "gru")
    _, without = trained(cells=cell)
    # So tight a bound that it binds, for those that would else leave a small network alone.
    binding = {"clip_norm": "(0.01)", "clip_value": "(0.001)", "clip_recurrent": "(0.0001)", "bound_candidate": "(0.5)"}
    _, state = trained(cells=cell, remedies=name + ARGUMENTS.get(name, binding.get(name, "")))
    assert bool(state.finite[0]) and int(state.step[0]) == 3
    leaves, others = (jax.tree.leaves((m.cell, m.readout)) for m in (state.model, without.model))
    if [a.shape for a in leaves] != [b.shape for b in others]:
        assert name in ("normalize_batch", "normalize_layer", "skip_recurrence", "constrain_orthogonal")
        return
    assert any((np.asarray(a) != np.asarray(b)).any() for a, b in zip(leaves, others, strict=True))


def test_remedies_go_together_in_the_order_of_the_list():
    trainer, state = trained(
        remedies="forget_bias(2.0), zone_out(0.2), clip_recurrent(1.0), clip_norm(0.5), omega(0.1)"
    )
    assert repr(trainer.cell).startswith("RecurrentGradient(cell=Zoneout(cell=GRU(hidden_size=4, forget_bias=2.0")
    assert bool(state.finite[0])


def test_a_clipped_gradient_moves_parameters_by_no_more():
    trainer = Trainer(config(remedies="clip_norm(0.01)"))
    before = jax.tree.map(np.asarray, trainer.start().model)
    after = trainer.advance(trainer.start(), 1).model
    moved = np.sqrt(sum(np.sum((a - b) ** 2) for a, b in zip(*map(jax.tree.leaves, (after, before)), strict=True)))
    np.testing.assert_allclose(moved, 0.1 * 0.01, rtol=1e-4)


@pytest.mark.parametrize(
    ("remedy", "low", "high", "blocks"),
    [("spectral_margin(0.05)", 0.95, 1.05, slice(None)), ("bound_candidate(0.7)", 0.0, 0.7, slice(2, None))],
)
def test_constraints_hold_from_the_beginning_and_after_every_step(remedy, low, high, blocks):
    trainer = Trainer(config(remedies=remedy, learning_rate=5.0))
    for state in (trainer.start(), trainer.advance(trainer.start(), 3)):
        weight = np.asarray(state.model.cell.w_h)
        values = [np.linalg.svd(block, compute_uv=False) for block in np.split(weight[0], 3, axis=1)[blocks]]
        assert np.min(values) > low - 1e-5 and np.max(values) < high + 1e-5


def test_a_penalty_is_in_the_loss_that_is_logged():
    _, without = trained()
    _, state = trained(remedies="stabilize_norm(1000.0)")
    assert state.loss_sum[0] > without.loss_sum[0] + 1


def test_chrono_takes_its_longest_time_from_the_task():
    assert "Chrono(t_max=23.0" in repr(config(remedies="chrono_start").make_cell())
    assert "Chrono(t_max=99.0" in repr(config(remedies="chrono_start(100)").make_cell())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"remedies": "clip"}, "config.remedies is wrong: unknown remedy 'clip'. Did you mean clip_norm"),
        ({"remedies": "clip_norm(-1.0)"}, "config.remedies is wrong: max_norm must be above 0, got -1.0"),
        ({"remedies": "forget_bias", "cells": "rnn"}, "ForgetBias does not fit RNN, which has no forget_bias"),
        (
            {"remedies": "bound_candidate", "cells": "lstm"},
            "BoundCandidate does not fit LSTM: it needs a recurrent weight",
        ),
        (
            {"cells": "lstm,gru"},
            "config.cells must be a single one; experiments.remedies compares several, got 'lstm,gru'",
        ),
        ({"tasks": "adding(30),copy(30)"}, "config.tasks must be a single one"),
        ({"cells": "lstn"}, "config.cells is wrong: unknown cell 'lstn'"),
        ({"tasks": "adding(3)"}, "config.tasks is wrong: length must be at least 22"),
        ({"optimizer": "adm"}, r"config.optimizer must be one of .*, got 'adm'. Did you mean adam"),
        ({"learning_rate": 0.0}, "config.learning_rate must be a number above 0, got 0.0"),
        ({"eval_every": 3}, "config.eval_every must be a multiple of log_every = 2, got 3"),
        ({"save_every": 0}, "config.save_every must be a multiple of log_every"),
        ({"flow": {"every": 3, "batch": 2}}, "config.flow.every must be a multiple of log_every, or 0, got 3"),
    ],
)
def test_what_does_not_fit_is_named(fields, message):
    with pytest.raises(ExperimentError, match=message):
        config(**fields)


def test_an_empty_list_is_no_remedy():
    assert make_remedies("") == make_remedies("  ") == ()
    assert jnp.isfinite(trained()[1].loss_sum).all()


def test_truncation_is_chosen_from_the_measured_decay():
    quick, slow = (
        Trainer(config(cells=f"gru(forget_bias={bias})", remedies="truncate_adaptively(0.1)")).how
        for bias in (-3.0, 3.0)
    )
    assert quick["truncate_every"] < 6 and slow.get("truncate_every", 24) > 12


def test_the_critical_gain_keeps_the_gradient():
    """A tanh network of gain 1 that its inputs drive loses it."""
    reach = {}
    for remedy in ("gaussian_start(1.0)", "critical_start"):
        trainer = Trainer(config(cells="rnn", hidden_size=64, tasks="adding(100)", remedies=remedy, seeds=4))
        state = trainer.start()
        norms = log_norms(trainer.cell, trainer.task, state.model, state.seed, 4)
        reach[remedy] = float(np.median(norms[:, 0] - norms[:, -1]))
    assert reach["gaussian_start(1.0)"] < -8 and abs(reach["critical_start"]) < 8


def test_population_statistics_are_set_for_evaluations_alone():
    trainer = Trainer(config(remedies="normalize_batch(0.5),clip_recurrent(1.0)", seeds=2))
    state = trainer.advance(trainer.start(), 2)
    (before, *_), (after, *_) = state.model.cell.statistics_h, trainer.settled(state).cell.statistics_h
    assert np.all(before.variance == 1) and np.all(before.mean == 0)
    assert not np.allclose(after.variance, 1) and before.variance.shape[:2] == (2, 24)
    assert all(np.isfinite(value).all() for value in trainer.evaluate(state))


def test_what_was_seen_is_learned_to_be_read_back():
    """Of the error that the reconstruction adds to the loss, most goes."""
    fields = {"cells": "irnn", "hidden_size": 24, "optimizer": "adam", "learning_rate": 0.01, "steps": 400}
    trainer = Trainer(config(remedies="reconstruct(1.0, steps=2)", **fields))
    first = trainer.advance(trainer.start(), 20)
    sums = [float(first.loss_sum[0]), float(trainer.advance(first, 400).loss_sum[0])]
    assert (sums[1] - sums[0]) / 380 < 0.5 * sums[0] / 20
