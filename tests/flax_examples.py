"""What the tests of the layers share: cells with an unusual need each, the two layers behind one face, a task."""

import dataclasses
from typing import Any, NamedTuple

import flax.linen
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

import recurrax.linen
import recurrax.nnx
from recurrax import GRU, LSTM, RNN, Cell
from recurrax.cell import dot
from recurrax.cells.rnn import RNNCarry
from recurrax.parameters import parameter_shapes, to_dict

CELLS = (RNN(4), LSTM(4), GRU(4), GRU(4, reset="after"))


class LearnedStartParams(NamedTuple):
    inner: Any
    start: jax.Array


@dataclasses.dataclass(frozen=True)
class LearnedStart(Cell):
    """A simple recurrent network whose first state is a parameter; its parameters nest."""

    hidden_size: int

    def init(self, key, input_size):
        key_inner, key_start = jax.random.split(key)
        start = jax.random.normal(key_start, (self.hidden_size,))
        return LearnedStartParams(RNN(self.hidden_size).init(key_inner, input_size), start)

    def initial_carry(self, weights, batch_shape=()):
        return RNNCarry(jnp.broadcast_to(weights.start, (*batch_shape, self.hidden_size)))

    def project(self, weights, x, key=None):
        return RNN(self.hidden_size).project(weights.inner, x)

    def step(self, weights, carry, z, dot=dot):
        return RNN(self.hidden_size).step(weights.inner, carry, z, dot)


@dataclasses.dataclass(frozen=True)
class Noisy(RNN):
    """A simple recurrent network with noise on its input, where it is given a key."""

    def project(self, weights, x, key=None):
        z = super().project(weights, x)
        return z if key is None else z._replace(h=z.h + jax.random.normal(key, z.h.shape, z.h.dtype))


class Linen:
    """`recurrax.linen` with given parameters."""

    @staticmethod
    def layer(cell, params, inputs, *, fields=None, noise=None, **arguments):
        layer = recurrax.linen.RNN(cell, **({"deterministic": noise is None} | (fields or {})))
        rngs = None if noise is None else {"dropout": noise}
        return layer.apply({"params": to_dict(params)}, inputs, rngs=rngs, **arguments)

    @staticmethod
    def loop(cell, params, inputs, *, fields=None, **arguments):
        layer = flax.linen.RNN(recurrax.linen.RNNCell(cell, **(fields or {})))
        return layer.apply({"params": {"cell": to_dict(params)}}, inputs, **arguments)

    @staticmethod
    def both_ways(cell, forward, backward, inputs):
        rnns = [flax.linen.RNN(recurrax.linen.RNNCell(cell)) for _ in range(2)]
        variables = {"params": {"forward_rnn": {"cell": to_dict(forward)}, "backward_rnn": {"cell": to_dict(backward)}}}
        return flax.linen.Bidirectional(*rnns).apply(variables, inputs)

    @staticmethod
    def bidirectional(cell, params, inputs, *, fields=None, noise=None, **arguments):
        layer = recurrax.linen.Bidirectional(cell, **({"deterministic": noise is None} | (fields or {})))
        rngs = None if noise is None else {"dropout": noise}
        return layer.apply(layer.variables_of(params), inputs, rngs=rngs, **arguments)

    @staticmethod
    def step(cell, params, carry, inputs, **fields):
        return recurrax.linen.RNNCell(cell, **fields).apply({"params": to_dict(params)}, carry, inputs)


class Nnx:
    """`recurrax.nnx` with given parameters."""

    @staticmethod
    def _holding(layer_class, cell, params, inputs, **fields):
        size = jnp.shape(jax.tree.leaves(inputs)[0])[-1]
        layer = nnx.eval_shape(lambda: layer_class(cell, size, rngs=nnx.Rngs(0), **fields))
        nnx.update(layer, to_dict(params))
        return layer

    @classmethod
    def layer(cls, cell, params, inputs, *, fields=None, noise=None, **arguments):
        layer = cls._holding(
            recurrax.nnx.RNN, cell, params, inputs, **({"deterministic": noise is None} | (fields or {}))
        )
        return layer(inputs, rngs=None if noise is None else nnx.Rngs(dropout=noise), **arguments)

    @classmethod
    def loop(cls, cell, params, inputs, *, fields=None, **arguments):
        return nnx.RNN(cls._holding(recurrax.nnx.RNNCell, cell, params, inputs, **(fields or {})))(inputs, **arguments)

    @classmethod
    def both_ways(cls, cell, forward, backward, inputs):
        rnns = [nnx.RNN(cls._holding(recurrax.nnx.RNNCell, cell, params, inputs)) for params in (forward, backward)]
        return nnx.Bidirectional(*rnns)(inputs)

    @staticmethod
    def bidirectional(cell, params, inputs, *, fields=None, noise=None, **arguments):
        fields = {"deterministic": noise is None} | (fields or {})
        layer = recurrax.nnx.Bidirectional(cell, jax.tree.leaves(inputs)[0].shape[-1], rngs=nnx.Rngs(0), **fields)
        layer.set_params(params)
        return layer(inputs, rngs=noise, **arguments)

    @classmethod
    def step(cls, cell, params, carry, inputs, **fields):
        return cls._holding(recurrax.nnx.RNNCell, cell, params, inputs, **fields)(carry, inputs)


def parameters(cell, seed=0):
    """Parameters for 3 features, all of them random, so that no bias hides behind its zero."""
    draw = np.random.default_rng(seed)
    return jax.tree.map(lambda a: jnp.asarray(draw.normal(size=a.shape) / 2, a.dtype), parameter_shapes(cell, 3))


def sequences(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def time_first(tree, time_axis=1):
    """Brings the time axis to the front, as `unroll` wants it, or with its output back from there."""
    return jax.tree.map(lambda a: jnp.moveaxis(a, time_axis, 0), tree)


def batch_first(tree, time_axis=1):
    return jax.tree.map(lambda a: jnp.moveaxis(a, 0, time_axis), tree)


def echo_task():
    """Inputs `[32, 10, 1]` of random signs, and as targets the input of two steps before."""
    signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(32, 10, 1)).astype(np.float32)
    return jnp.asarray(signs), jnp.asarray(np.pad(signs, ((0, 0), (2, 0), (0, 0)))[:, :-2])
