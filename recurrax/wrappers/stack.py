"""Layers on top of each other."""

import dataclasses
from typing import Any, NamedTuple

import jax

from recurrax._util import checks
from recurrax.cell import Cell, check_cell, dot, layer_input, layer_key
from recurrax.wrappers._base import output_shape


class StackProjected(NamedTuple):
    """What a step needs of x_t alone: the projection of the first layer; the step's key and x_t for the others.

    x_t is None where it is an array, of which the others need nothing.
    """

    first: Any
    key: jax.Array | None
    x: Any


@dataclasses.dataclass(frozen=True)
class Stack(Cell):
    """Layers on top of each other: the outputs of one are the inputs of the next (Graves 2013, without its shortcuts).

        s_t^n = step^n(s_{t-1}^n, y_t^{n-1})            y_t^0 = x_t,  y_t = y_t^N

    Parameters and state are tuples with one entry per layer. `recurrax.unroll` runs one layer after the other over all
    steps, each by the executor that suits it; measurements see one cell whose state is that of all layers. Where
    inputs are `Timed`, every layer that takes a time step gets that of x_t.

    Attributes:
      layers: the cells, from the input to the output; wrappers around them make shortcuts, dropout and the like.
    """

    layers: tuple[Cell, ...] = ()

    def __post_init__(self):
        if not (isinstance(self.layers, tuple) and self.layers):
            raise TypeError(f"layers must be a tuple of at least one cell, got {self.layers!r}.")
        for layer in self.layers:
            check_cell(layer)

    @property
    def input_ndim(self):
        """That of the first layer."""
        return self.layers[0].input_ndim

    @property
    def draws_parameters(self):
        """Whether all layers do."""
        return all(layer.draws_parameters for layer in self.layers)

    @property
    def clips_gradients(self):
        """Whether one of the layers does."""
        return any(layer.clips_gradients for layer in self.layers)

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        params = []
        for layer, key_n in zip(self.layers, jax.random.split(key, len(self.layers)), strict=True):
            params.append(layer.init(key_n, input_size))
            input_size = output_shape(layer, params[-1], input_size)[-1]
        return tuple(params)

    def prepare(self, params, *, key=None, batch_shape=()):
        return tuple(
            layer.prepare(p, key=layer_key(key, n), batch_shape=batch_shape)
            for n, (layer, p) in enumerate(zip(self.layers, params, strict=True))
        )

    def initial_carry(self, weights, batch_shape=()):
        return tuple(layer.initial_carry(w, batch_shape) for layer, w in zip(self.layers, weights, strict=True))

    def project(self, weights, x, key=None):
        first = self.layers[0].project(weights[0], x, layer_key(key, 0))
        return StackProjected(first, key, None if isinstance(x, jax.Array) else x)

    def step(self, weights, carry, z, dot=dot):
        new, z_n = [], z.first
        for n, layer in enumerate(self.layers):
            if n > 0:
                y = self.layers[n - 1].output(weights[n - 1], new[n - 1], z_n)
                z_n = layer.project(weights[n], layer_input(layer, z.x, y), layer_key(z.key, n))
            new.append(layer.step(weights[n], carry[n], z_n, dot))
        return tuple(new)

    def output(self, weights, carry, z):
        z_n, y = z.first, None
        for n, layer in enumerate(self.layers):
            if n > 0:
                z_n = layer.project(weights[n], layer_input(layer, z.x, y), layer_key(z.key, n))
            y = layer.output(weights[n], carry[n], z_n)
        return y

    def input_size(self, params):
        return self.layers[0].input_size(params[0])

    def zero_input(self, input_size):
        return self.layers[0].zero_input(input_size)
