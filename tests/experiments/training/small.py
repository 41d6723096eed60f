"""Small trainings, each done once in a process, for the tests of the trainer and of the remedies."""

import functools

import jax
import numpy as np
import pytest

from experiments.common.config import from_config
from experiments.training.config import Training
from experiments.training.remedies import all_remedies
from experiments.training.trainer import Trainer

SMALL = {
    "cells": "gru", "hidden_size": 4, "tasks": "adding(24)", "remedies": "", "optimizer": "sgd", "learning_rate": 0.1,
    "batch": 3, "steps": 4, "seed": 0, "seeds": 1, "tensorboard": False, "log_every": 2, "eval_every": 2,
    "eval_batches": 1, "save_every": 2, "stop_when_solved": True, "gradient_norms": {"every": 0, "batch": 2},
}  # fmt: skip

LIKE_ANOTHER = (
    "orthogonal", "identity_start", "clip_value", "stabilize_norm", "soft_orthogonal", "dilate", "shortcut",
    "skip_recurrence", "constrain_orthogonal", "normalize_layer",
)  # fmt: skip
"""Remedies that enter a training as another one does, whose test is left to `make test-all`."""


def config(**fields):
    return from_config(Training, {**SMALL, **fields})


def trained(**fields):
    """Returns a trainer and its state after three steps."""
    return _trained(tuple(sorted((name, value) for name, value in fields.items() if value != SMALL[name])))


@functools.cache
def _trained(fields):
    trainer = Trainer(config(**dict(fields)))
    return trainer, trainer.advance(trainer.start(), 3)


def same(a, b):
    """Tells whether two trees have the same bits."""
    leaves = [[np.asarray(bits(leaf)) for leaf in jax.tree.leaves(tree)] for tree in (a, b)]
    return all(np.array_equal(x, y) for x, y in zip(*leaves, strict=True))


def bits(leaf):
    return jax.random.key_data(leaf) if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf


def remedies_of(test_file):
    """Returns the names of the remedies of the module that a test file stands beside, as parameters of a test."""
    kind = f"experiments.training.remedies.{test_file.removeprefix('test_')}"
    names = [name for name, cls in all_remedies().items() if cls.__module__ == kind]
    assert names
    return [pytest.param(n, marks=[pytest.mark.slow] * (n in LIKE_ANOTHER)) for n in names]


def trains_and_changes_what_is_learned(name, arguments="", **fields):
    """Holds a remedy to what every one must do; it may have other parameters than the cell as it is."""
    _, without = trained(**fields)
    _, state = trained(remedies=name + arguments, **fields)
    assert state.finite.all() and (state.step == 3).all()
    leaves, others = (jax.tree.leaves((s.model.cell, s.model.readout)) for s in (state, without))
    if [a.shape for a in leaves] != [b.shape for b in others]:
        assert name in ("normalize_batch", "normalize_layer", "skip_recurrence", "constrain_orthogonal")
        return
    assert not same(leaves, others)
