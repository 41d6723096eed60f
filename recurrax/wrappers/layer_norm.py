"""Layer normalisation around a cell."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from recurrax._util import checks
from recurrax.cell import dot, features_of, with_features
from recurrax.cells._base.normalization import layer_norm
from recurrax.wrappers._base import Wrapper, output_shape


class LayerNormParams(NamedTuple):
    """Parameters of `LayerNorm`: those of the cell inside, and gain and shift `[N]` of what is normalised."""

    inner: Any
    gain: jax.Array
    b: jax.Array


@dataclasses.dataclass(frozen=True)
class LayerNorm(Wrapper):
    """Layer normalisation (Ba, Kiros & Hinton 2016) of what enters a cell, or of what leaves it.

        norm(a) = gain * (a - mean) / sqrt(variance + epsilon) + b
        where="input":   x_t -> norm(x_t)               where="output":  y_t -> norm(y_t)

    For stacks: layers see inputs of one scale ("input" before, "output" after each, as pre- and post-norm). What passes
    from step to step is not normalised; `LayerNormLSTM` and `LayerNormGRU` do that, inside.

    Attributes:
      cell: the cell inside.
      where: "input" or "output".
      epsilon: added to the variance.
    """

    where: str = "output"
    epsilon: float = 1e-5

    def __post_init__(self):
        super().__post_init__()
        checks.choice("where", self.where, ("input", "output"))
        checks.positive("epsilon", self.epsilon)

    def init(self, key, input_size):
        params = self.cell.init(key, input_size)
        size = input_size if self.where == "input" else output_shape(self.cell, params, input_size)[-1]
        return LayerNormParams(params, jnp.ones(size), jnp.zeros(size))

    def prepare(self, params, *, key=None, batch_shape=()):
        return params._replace(inner=self.cell.prepare(params.inner, key=key, batch_shape=batch_shape))

    def initial_carry(self, weights, batch_shape=()):
        return self.cell.initial_carry(weights.inner, batch_shape)

    def _norm(self, weights: LayerNormParams, a: jax.Array) -> jax.Array:
        return layer_norm(a, weights.gain, self.epsilon) + weights.b

    def project(self, weights, x, key=None):
        if self.where == "input":
            x = with_features(x, self._norm(weights, features_of(x)))
        return self.cell.project(weights.inner, x, key)

    def step(self, weights, carry, z, dot=dot):
        return self.cell.step(weights.inner, carry, z, dot)

    def output(self, weights, carry, z):
        y = self.cell.output(weights.inner, carry, z)
        return self._norm(weights, y) if self.where == "output" else y

    def gates(self, weights, carry, z, dot=dot):
        return self.cell.gates(weights.inner, carry, z, dot)

    def input_size(self, params):
        return self.cell.input_size(params.inner)
