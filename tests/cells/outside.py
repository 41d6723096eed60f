"""A cell as a user writes it, with its oracle, outside of the package; `CONTRIBUTING.md` shows the same."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from recurrax import Cell
from recurrax._util import checks
from recurrax.cell import dot


class LeakyParams(NamedTuple):
    """Parameters of `Leaky`."""

    w_x: jax.Array
    w_h: jax.Array


class LeakyCarry(NamedTuple):
    """State of `Leaky`."""

    h: jax.Array


class LeakyProjected(NamedTuple):
    """W x_t."""

    h: jax.Array


@dataclasses.dataclass(frozen=True)
class Leaky(Cell):
    """A leaky unit.

    h_t = (1 - rate) h_{t-1} + rate tanh(W x_t + U h_{t-1})
    """

    hidden_size: int
    rate: float = 0.2

    def __post_init__(self):
        checks.positive_int("hidden_size", self.hidden_size)
        checks.finite("rate", self.rate)

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        key_x, key_h = jax.random.split(key)
        h = self.hidden_size
        return LeakyParams(jax.random.normal(key_x, (input_size, h)), jax.random.normal(key_h, (h, h)) / h**0.5)

    def initial_carry(self, weights, batch_shape=()):
        return LeakyCarry(jnp.zeros((*batch_shape, self.hidden_size), weights.w_h.dtype))

    def project(self, weights, x, key=None):
        return LeakyProjected(x @ weights.w_x)

    def step(self, weights, carry, z, dot=dot):
        candidate = jnp.tanh(z.h + dot(carry.h, weights.w_h))
        return LeakyCarry((1 - self.rate) * carry.h + self.rate * candidate)


VARIANTS = [Leaky(4), Leaky(3, rate=0.7)]


def oracle_step(cell, params, carry, x):
    candidate = np.tanh(x @ params.w_x + carry.h @ params.w_h)
    h = carry.h + cell.rate * (candidate - carry.h)
    return type(carry)(h), h
