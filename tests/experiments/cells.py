"""Cells of a user, named on the command line as module:Class."""

import dataclasses

import jax.numpy as jnp

from recurrax import RNN
from recurrax.cell import dot


@dataclasses.dataclass(frozen=True)
class DeadRelu(RNN):
    """A relu network none of whose units ever fires: every derivative is exactly zero."""

    activation: str = "relu"

    def init(self, key, input_size):
        params = super().init(key, input_size)
        return params._replace(b=jnp.full_like(params.b, -100.0))


@dataclasses.dataclass(frozen=True)
class WithoutCarry(RNN):
    """A cell with a bug that shows as soon as it runs."""

    def initial_carry(self, weights, batch_shape=()):
        raise RuntimeError("no carry")


@dataclasses.dataclass(frozen=True)
class WithWrongShapes(RNN):
    """A cell whose step multiplies what does not fit."""

    def step(self, weights, carry, z, dot=dot):
        return carry._replace(h=dot(weights.w_h[:1], carry.h))


class WithoutSize(RNN):
    """A cell that takes no width."""

    def __init__(self):
        super().__init__(hidden_size=3)
