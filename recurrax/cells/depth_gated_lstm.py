"""LSTM layers whose cell states are joined by a gate."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax.cell import Dot, dot
from recurrax.cells._base.forget_bias import DefaultForgetBias
from recurrax.cells._base.gated import GatedCell
from recurrax.cells.lstm import LSTMGates
from recurrax.initializers import Chrono, Initializer, Uniform


class DepthGatedLayer(NamedTuple):
    """Parameters of a layer of `DepthGatedLSTM`; gates side by side in the order i, f, g, o."""

    w_x: Float[Array, "D 4*H"]
    w_h: Float[Array, "H 4*H"]
    b: Float[Array, "4*H"] | None
    p: Float[Array, "3 H"]
    """Peepholes of i, f and o."""


class DepthGate(NamedTuple):
    """Parameters of the gate between two layers."""

    w_x: Float[Array, "H H"]
    p: Float[Array, "2 H"]
    """From the upper cell state of the step before, and from the lower one of this step."""
    b: Float[Array, "H"] | None


class DepthGatedLSTMParams(NamedTuple):
    """Parameters of `DepthGatedLSTM`: L layers, and L - 1 gates between them."""

    layers: tuple[DepthGatedLayer, ...]
    depth: tuple[DepthGate, ...]


class DepthGatedLSTMCarry(NamedTuple):
    """State of `DepthGatedLSTM`, layers from the input upwards."""

    h: Float[Array, "*B L H"]
    c: Float[Array, "*B L H"]


class DepthGates(NamedTuple):
    """The activated gates of all layers; d of the lowest layer is left out."""

    i: Float[Array, "*B L H"]
    f: Float[Array, "*B L H"]
    g: Float[Array, "*B L H"]
    o: Float[Array, "*B L H"]
    d: Float[Array, "*B L-1 H"]


@dataclasses.dataclass(frozen=True)
class DepthGatedLSTM(GatedCell):
    """Depth-gated LSTM (Yao et al. 2015): a stack of LSTMs whose cell states are joined by a gate.

        i, f, g, o of layer l: those of an LSTM with peepholes, from y_t^{l-1}, h_{t-1}^l and c^l
        d_t^l = sigmoid(W_d y_t^{l-1} + p_1 * c_{t-1}^l + p_2 * c_t^{l-1} + b_d)
        c_t^l = f * c_{t-1}^l + i * g + d * c_t^{l-1}           h_t^l = y_t^l = o * tanh(c_t^l)

    For deep stacks: the error flows down through cell states, linearly, as it flows back through them in time. The
    lowest layer has no depth gate. Output is h of the highest layer.

    Attributes:
      hidden_size: H, of every layer.
      num_layers: L.
      depth_bias: added to b_d when it is drawn.
      forget_bias, use_bias, input_init, recurrent_init, bias_init: as in `LSTM`.
      peephole_init: how the vectors p are drawn.
    """

    num_layers: int = 2
    depth_bias: float = 0.0
    peephole_init: Initializer = Uniform(-0.1, 0.1)
    _: dataclasses.KW_ONLY
    forget_bias: float | Chrono = DefaultForgetBias(1.0)

    projected_type = LSTMGates
    signed_gates: ClassVar[tuple[str, ...]] = ("g",)

    def bias_shifts(self, forget, write):
        return {"i": write, "f": forget}

    def init(self, key, input_size):
        h = self.hidden_size

        def layer(key, size):
            key_gates, key_p = jax.random.split(key)
            w_x, w_h, b = self.draw(jax.random.split(key_gates, 4), size)
            return DepthGatedLayer(w_x, w_h, b, self.peephole_init(key_p, (3, h)))

        def gate(key):
            key_x, key_p, key_b = jax.random.split(key, 3)
            b = self.bias_init(key_b, (h,)) + self.depth_bias if self.use_bias else None
            return DepthGate(self.input_init(key_x, (h, h)), self.peephole_init(key_p, (2, h)), b)

        keys = jax.random.split(key, 2 * self.num_layers)
        sizes = [input_size] + [h] * (self.num_layers - 1)
        layers = tuple(layer(k, size) for k, size in zip(keys[: self.num_layers], sizes, strict=True))
        return DepthGatedLSTMParams(layers, tuple(gate(k) for k in keys[self.num_layers + 1 :]))

    def initial_carry(self, weights, batch_shape=()):
        shape = (*batch_shape, self.num_layers, self.hidden_size)
        zeros = jnp.zeros(shape, weights.layers[0].w_h.dtype)
        return DepthGatedLSTMCarry(zeros, zeros)

    def project(self, weights, x, key=None):
        return super().project(weights.layers[0], x, key)

    def gates(self, weights, carry, z, dot=dot):
        h, c = (jnp.moveaxis(field, -2, 0) for field in carry)
        found, depth = [_layer(weights.layers[0], z, h[0], c[0], jnp.zeros_like(c[0]), dot)], []
        for n in range(1, self.num_layers):
            layer, gate, (*_, o, below) = weights.layers[n], weights.depth[n - 1], found[-1]
            y = o * jnp.tanh(below)
            d = sigmoid(_shifted(dot(y, gate.w_x), gate.b) + gate.p[0] * c[n] + gate.p[1] * below)
            z = LSTMGates(*jnp.split(_shifted(dot(y, layer.w_x), layer.b), 4, axis=-1))
            found.append(_layer(layer, z, h[n], c[n], d * below, dot))
            depth.append(d)
        i, f, g, o, _ = (jnp.stack(gates, axis=-2) for gates in zip(*found, strict=True))
        return DepthGates(i, f, g, o, jnp.stack(depth, axis=-2) if depth else i[..., :0, :])

    def step(self, weights, carry, z, dot=dot):
        i, f, g, o, d = self.gates(weights, carry, z, dot)
        c = [(f * carry.c + i * g)[..., 0, :]]
        for n in range(1, self.num_layers):
            c.append((f * carry.c + i * g)[..., n, :] + d[..., n - 1, :] * c[-1])
        c = jnp.stack(c, axis=-2)
        return DepthGatedLSTMCarry(o * jnp.tanh(c), c)

    def output(self, weights, carry, z):
        return carry.h[..., -1, :]

    def retention(self, gates):
        return gates.f

    def input_size(self, params):
        return params.layers[0].w_x.shape[0]


def _layer(layer: DepthGatedLayer, z: LSTMGates, h: jax.Array, c: jax.Array, from_below: jax.Array, dot: Dot):
    """Returns the gates i, f, g, o of a layer, and its new cell state."""
    u = LSTMGates(*jnp.split(dot(h, layer.w_h), 4, axis=-1))
    i, f = sigmoid(z.i + u.i + layer.p[0] * c), sigmoid(z.f + u.f + layer.p[1] * c)
    g = jnp.tanh(z.g + u.g)
    new = f * c + i * g + from_below
    return i, f, g, sigmoid(z.o + u.o + layer.p[2] * new), new


def _shifted(a: jax.Array, b: jax.Array | None) -> jax.Array:
    return a if b is None else a + b
