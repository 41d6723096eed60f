"""Dropout on what a cell is given, and on what it sees of its own state."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from recurrax.cell import dot, features_of, with_features
from recurrax.engine.products import products_of_step
from recurrax.wrappers._base import Wrapper, check_rate, two_keys


@dataclasses.dataclass(frozen=True)
class Dropout(Wrapper):
    """Dropout on the inputs (Srivastava et al. 2014; between the layers of a stack: Zaremba et al. 2014).

        x_t -> d_t * x_t / (1 - rate)                   d_t ~ Bernoulli(1 - rate), per feature and step

    What passes from layer to layer is thinned out, what passes from step to step is not. Without a key x_t is taken as
    it is.

    Attributes:
      cell: the cell inside.
      rate: of features that become zero.
    """

    rate: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        check_rate("rate", self.rate)

    def project(self, weights, x, key=None):
        own, inner = two_keys(key)
        if own is not None:
            features = features_of(x)
            x = with_features(x, features * _mask(own, self.rate, features.shape, features.dtype))
        return self.cell.project(weights, x, inner)


class VariationalDropoutWeights(NamedTuple):
    """What a run works with: the weights of the cell inside, and masks; None at evaluation."""

    inner: Any
    inputs: jax.Array | None
    """`[*B, D]`."""
    recurrent: tuple[jax.Array, ...] | None
    """`[*B, N]` for every product of the step."""


@dataclasses.dataclass(frozen=True)
class VariationalDropout(Wrapper):
    """Variational dropout (Gal & Ghahramani 2016): one mask per sequence, for the inputs and for the recurrence.

        x_t -> d_x * x_t / (1 - input_rate)             a -> d * a / (1 - recurrent_rate) in every product W a of a step

    The mask of the recurrence is put on what the step multiplies by weights, so on h_{t-1} of an LSTM, and on h_{t-1}
    and r * h_{t-1} of a GRU; what is carried on without a product, c of an LSTM, is not touched. Masks are drawn once
    per run and sequence, so that noise does not add up over steps. Without a key nothing is dropped.

    Attributes:
      cell: the cell inside; its parameters have to tell the input size.
      input_rate, recurrent_rate: of what becomes zero.
    """

    input_rate: float = 0.25
    recurrent_rate: float = 0.25

    def __post_init__(self):
        super().__post_init__()
        check_rate("input_rate", self.input_rate)
        check_rate("recurrent_rate", self.recurrent_rate)

    def prepare(self, params, *, key=None, batch_shape=()):
        own, inner = two_keys(key)
        weights = self.cell.prepare(params, key=inner, batch_shape=batch_shape)
        if own is None:
            return VariationalDropoutWeights(weights, None, None)
        size = self.cell.input_size(params)
        if size is None:
            raise ValueError(f"cell must have parameters that tell the size of its input, {self.cell!r} has not.")
        dtype = jax.tree.leaves(params)[0].dtype
        x = jax.tree.map(
            lambda a: jnp.broadcast_to(a.astype(dtype), (*batch_shape, *a.shape)), self.cell.zero_input(size)
        )
        key_x, key_h = jax.random.split(own)

        def operands(weights):
            z = self.cell.project(weights, x)
            return [
                p.operand
                for p in products_of_step(self.cell, weights, self.cell.initial_carry(weights, batch_shape), z)
            ]

        shapes = jax.eval_shape(operands, weights)
        keys = jax.random.split(key_h, max(len(shapes), 1))
        masks = [_mask(k, self.recurrent_rate, a.shape, a.dtype) for k, a in zip(keys, shapes, strict=False)]
        inputs = _mask(key_x, self.input_rate, features_of(x).shape, dtype)
        return VariationalDropoutWeights(weights, inputs, tuple(masks))

    def initial_carry(self, weights, batch_shape=()):
        return self.cell.initial_carry(weights.inner, batch_shape)

    def project(self, weights, x, key=None):
        if weights.inputs is not None:
            x = with_features(x, features_of(x) * weights.inputs)
        return self.cell.project(weights.inner, x, key)

    def step(self, weights, carry, z, dot=dot):
        return self.cell.step(weights.inner, carry, z, _masked(dot, weights.recurrent))

    def output(self, weights, carry, z):
        return self.cell.output(weights.inner, carry, z)

    def gates(self, weights, carry, z, dot=dot):
        return self.cell.gates(weights.inner, carry, z, _masked(dot, weights.recurrent))


def _mask(key: jax.Array, rate: float, shape: tuple[int, ...], dtype: Any) -> jax.Array:
    """Returns zeros at the rate, 1 / (1 - rate) elsewhere; ones, for which no randomness is needed, at a rate of 0."""
    if rate == 0:
        return jnp.ones(shape, dtype)
    real = jnp.finfo(dtype).dtype
    return (jax.random.bernoulli(key, 1 - rate, shape).astype(real) / (1 - rate)).astype(dtype)


def _masked(dot: Any, masks: tuple[jax.Array, ...] | None) -> Any:
    """Returns a `dot` that puts the masks on its operands, one after the other."""
    if masks is None:
        return dot
    rest = iter(masks)

    def multiply(operand, weight, op=jnp.dot):
        return dot(operand * next(rest), weight, op)

    return multiply
