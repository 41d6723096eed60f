"""A gated shortcut around a cell."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid

from recurrax._util import checks
from recurrax.cell import dot, features_of
from recurrax.initializers import Gaussian, Initializer, check_initializers
from recurrax.wrappers._base import Wrapper, check_shortcut


class HighwayParams(NamedTuple):
    """Parameters of `Highway`: those of the cell inside, `[D, D]` and `[D]` of the gate."""

    inner: Any
    w_t: jax.Array
    b_t: jax.Array


class HighwayProjected(NamedTuple):
    """What a step needs of x_t alone: the projection of the cell inside, the gate, and x_t."""

    inner: Any
    t: jax.Array
    x: jax.Array


@dataclasses.dataclass(frozen=True)
class Highway(Wrapper):
    """Highway connection (Srivastava, Greff & Schmidhuber 2015) around a cell, from its input to its output.

        y_t = t * cell's y_t + (1 - t) * x_t            t = sigmoid(W x_t + b)

    For deep stacks, like `Residual`, with a gate that learns how much of the layer is needed. x_t goes past the state,
    so that a gradient with respect to the state does not know of it.

    Attributes:
      cell: the cell inside, whose output is as wide as its input.
      transform_bias: b at first; below 0 layers begin by passing on.
      gate_init: how W is drawn.
    """

    transform_bias: float = -1.0
    gate_init: Initializer = Gaussian()

    def __post_init__(self):
        super().__post_init__()
        checks.finite("transform_bias", self.transform_bias)
        check_initializers(gate_init=self.gate_init)

    def init(self, key, input_size):
        key_cell, key_t = jax.random.split(key)
        params = self.cell.init(key_cell, input_size)
        check_shortcut(self.cell, params, input_size)
        w_t = self.gate_init(key_t, (input_size, input_size))
        return HighwayParams(params, w_t, jnp.full(input_size, self.transform_bias, w_t.dtype))

    def prepare(self, params, *, key=None, batch_shape=()):
        return params._replace(inner=self.cell.prepare(params.inner, key=key, batch_shape=batch_shape))

    def initial_carry(self, weights, batch_shape=()):
        return self.cell.initial_carry(weights.inner, batch_shape)

    def project(self, weights, x, key=None):
        features = features_of(x)
        t = sigmoid(features @ weights.w_t + weights.b_t)
        return HighwayProjected(self.cell.project(weights.inner, x, key), t, features)

    def step(self, weights, carry, z, dot=dot):
        return self.cell.step(weights.inner, carry, z.inner, dot)

    def output(self, weights, carry, z):
        return z.t * self.cell.output(weights.inner, carry, z.inner) + (1 - z.t) * z.x

    def gates(self, weights, carry, z, dot=dot):
        return self.cell.gates(weights.inner, carry, z.inner, dot)

    def input_size(self, params):
        return self.cell.input_size(params.inner)
