"""Recurrent batch normalisation."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from recurrax._util import checks
from recurrax._util.float_leaves import at_least_float32
from recurrax.cell import dot
from recurrax.wrappers._base import Wrapper, batch_shape_of


class BatchStatistics(NamedTuple):
    """Population mean and variance of one array, step by step: `[S, ...]` each, S = `steps`."""

    mean: jax.Array
    variance: jax.Array


class BatchNormParams(NamedTuple):
    """Parameters of `BatchNorm`; a tuple has an entry per array of the projected input, or per product of the step.

    Gains `[...]` are learned. Statistics are not: `BatchNorm.with_statistics` sets them.
    """

    inner: Any
    gain_x: tuple[jax.Array, ...]
    gain_h: tuple[jax.Array, ...]
    statistics_x: tuple[BatchStatistics, ...]
    statistics_h: tuple[BatchStatistics, ...]


class BatchNormCarry(NamedTuple):
    """State of `BatchNorm`: that of the cell inside, and the number `[*B]` of steps done."""

    inner: Any
    t: jax.Array


class BatchNormProjected(NamedTuple):
    """What a step needs of x_t alone: the projection of the cell inside, as it is and for an input of zeros."""

    inner: Any
    shift: Any
    training: jax.Array | None
    """`[*B]` where statistics are those of the batch, None where they are those that are stored."""


@dataclasses.dataclass(frozen=True)
class BatchNorm(Wrapper):
    """Recurrent batch normalisation (Cooijmans et al. 2017), around any cell.

        BN(a; gain) = gain * (a - mean) / sqrt(variance + epsilon)
        products of the state, U h_{t-1}:                   BN(U h_{t-1}; gain_h)
        what the cell makes of the input, W x_t + b:        BN(W x_t + b; gain_x) + b

    so that tanh(U h + W x + b) becomes tanh(BN(U h) + BN(W x) + b), the paper's BN-RNN. Its BN-LSTM has a
    third normalisation, of c_t on its way to h_t, which is left out.

    With a key, in training, mean and variance are those of the batch at that very step; the examples of a batch then
    depend on each other, and sequences must all have the same steps (no mask). Without, they are those that
    `with_statistics` stored for the step; steps after the last take the last ones, as in the paper.

    Attributes:
      cell: the cell inside; what it makes of the input is affine in the input.
      gain: of all gains at first. The paper takes 0.1, since at 1 a tanh saturates and gradients vanish.
      steps: S, steps with statistics of their own.
      epsilon: added to the variance.
    """

    gain: float = 0.1
    steps: int = 100
    epsilon: float = 1e-5

    def __post_init__(self):
        super().__post_init__()
        checks.finite("gain", self.gain)
        checks.positive_int("steps", self.steps)
        checks.positive("epsilon", self.epsilon)

    def init(self, key, input_size):
        inner = self.cell.init(key, input_size)

        def arrays(params):
            weights = self.cell.prepare(params)
            carry, z = self.cell.initial_carry(weights), self.cell.project(weights, self.cell.zero_input(input_size))
            products = []
            self.cell.step(weights, carry, z, _recording(products))
            return jax.tree.leaves(z), products

        of_input, of_state = jax.eval_shape(arrays, inner)

        if any(jnp.iscomplexobj(s) for s in [*of_input, *of_state]):
            raise ValueError(f"cell must have real products to normalise, got {self.cell!r}.")

        def gains(shapes):
            return tuple(jnp.full(s.shape, self.gain, s.dtype) for s in shapes)

        def statistics(shapes):
            wide = [(self.steps, *s.shape) for s in shapes]
            return tuple(BatchStatistics(jnp.zeros(shape), jnp.ones(shape)) for shape in wide)

        return BatchNormParams(inner, gains(of_input), gains(of_state), statistics(of_input), statistics(of_state))

    def prepare(self, params, *, key=None, batch_shape=()):
        return params._replace(inner=self.cell.prepare(params.inner, key=key, batch_shape=batch_shape))

    def initial_carry(self, weights, batch_shape=()):
        return BatchNormCarry(self.cell.initial_carry(weights.inner, batch_shape), jnp.zeros(batch_shape, jnp.int32))

    def project(self, weights, x, key=None):
        z = self.cell.project(weights.inner, x, key)
        batch_shape = batch_shape_of(self, x)
        nothing = jax.tree.map(lambda a: jnp.zeros(a.shape[len(batch_shape) :], a.dtype), x)
        shift = jax.tree.map(
            lambda a, b: jnp.broadcast_to(b, a.shape), z, self.cell.project(weights.inner, nothing, key)
        )
        return BatchNormProjected(z, shift, None if key is None else jnp.zeros(batch_shape))

    def step(self, weights, carry, z, dot=dot):
        return self._step(weights, carry, z, dot)[0]

    def output(self, weights, carry, z):
        return self.cell.output(weights.inner, carry.inner, self._normalized(weights, carry.t - 1, z)[0])

    def gates(self, weights, carry, z, dot=dot):
        inner, _ = self._normalized(weights, carry.t, z)
        return self.cell.gates(weights.inner, carry.inner, inner, self._normalizing(weights, carry.t, z, dot, []))

    def input_size(self, params):
        return self.cell.input_size(params.inner)

    def with_statistics(self, params: BatchNormParams, xs: Any, *, key: jax.Array) -> BatchNormParams:
        """Returns the parameters with the statistics of sequences, `[T, *B, D]`, run as in training.

        Of batches that are too large for one run, average the results.
        """
        batch_shape = batch_shape_of(self, xs)[1:]
        weights = self.prepare(params, key=key, batch_shape=batch_shape)

        def advance(carry, x_and_number):
            x, number = x_and_number
            return self._step(weights, carry, self.project(weights, x, jax.random.fold_in(key, number)), dot)

        steps = jnp.arange(len(jax.tree.leaves(xs)[0]))
        _, (of_input, of_state) = jax.lax.scan(advance, self.initial_carry(weights, batch_shape), (xs, steps))
        last = jnp.minimum(jnp.arange(self.steps), len(steps) - 1)

        def stored(statistics):
            return tuple(jax.tree.map(lambda a: a[last], s) for s in statistics)

        return params._replace(statistics_x=stored(of_input), statistics_h=stored(of_state))

    def _step(self, weights, carry, z, dot):
        """Returns the new state, and the statistics that were seen."""
        inner, of_input = self._normalized(weights, carry.t, z)
        of_state: list[BatchStatistics] = []
        new = self.cell.step(weights.inner, carry.inner, inner, self._normalizing(weights, carry.t, z, dot, of_state))
        return BatchNormCarry(new, carry.t + 1), (of_input, tuple(of_state))

    def _normalized(self, weights, t, z):
        leaves, structure = jax.tree.flatten(z.inner)
        parts = zip(leaves, weights.gain_x, weights.statistics_x, strict=True)
        normal, seen = zip(*(self._batch_norm(a, g, s, t, z.training) for a, g, s in parts), strict=True)
        return jax.tree.map(jnp.add, structure.unflatten(normal), z.shift), tuple(seen)

    def _normalizing(self, weights, t, z, dot, seen):
        """Returns a `dot` whose results are normalised, each with the gain and statistics of its place."""
        places = iter(zip(weights.gain_h, weights.statistics_h, strict=True))

        def normal(operand, weight, op=jnp.dot):
            a, statistics = self._batch_norm(dot(operand, weight, op), *next(places), t, z.training)
            seen.append(statistics)
            return a

        return normal

    def _batch_norm(self, a, gain, stored, t, training):
        wide = at_least_float32(a)
        if training is None:
            now = jnp.clip(t, 0, self.steps - 1)
            mean, variance = (s[now].astype(wide.dtype) for s in stored)
        else:
            axes = tuple(range(training.ndim))
            mean = wide.mean(axes)
            variance = jnp.square(wide - mean).mean(axes)
        normal = gain * ((wide - mean) * jax.lax.rsqrt(variance + self.epsilon)).astype(a.dtype)
        return normal, BatchStatistics(mean, variance)


def _recording(products: list) -> Any:
    """Returns a `dot` that keeps its results in a list."""

    def recorded(operand, weight, op=jnp.dot):
        products.append(dot(operand, weight, op))
        return products[-1]

    return recorded
