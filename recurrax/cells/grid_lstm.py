"""The Grid LSTM over time and depth."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax.cell import dot
from recurrax.cells._base.forget_bias import DefaultForgetBias
from recurrax.cells._base.gated import GatedCell
from recurrax.cells.lstm import LSTMGates
from recurrax.initializers import Chrono, Gaussian, Initializer


class GridBlock(NamedTuple):
    """Parameters of a block: two LSTM transforms of [h of time, h of depth], gates in the order i, f, g, o."""

    w_time: Float[Array, "2*H 4*H"]
    b_time: Float[Array, "4*H"] | None
    w_depth: Float[Array, "2*H 4*H"]
    b_depth: Float[Array, "4*H"] | None


class GridLSTMParams(NamedTuple):
    """Parameters of `GridLSTM`: the projection of the input to h and m of depth, and a block per layer."""

    w_x: Float[Array, "D 2*H"]
    b: Float[Array, "2*H"] | None
    blocks: tuple[GridBlock, ...]


class GridLSTMCarry(NamedTuple):
    """State of `GridLSTM`: hidden and memory vectors along time, and what leaves the highest block along depth."""

    h: Float[Array, "*B L H"]
    m: Float[Array, "*B L H"]
    y: Float[Array, "*B H"]


class GridProjected(NamedTuple):
    """What enters the lowest block along depth."""

    h: Float[Array, "*B H"]
    m: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class GridLSTM(GatedCell):
    """Grid LSTM with the dimensions time and depth (Kalchbrenner, Danihelka & Graves 2015): an LSTM along either.

        H = [h_time, h_depth]
        (h_time, m_time)   = LSTM(H, m_time;  W_time)       goes to the next step
        (h_depth, m_depth) = LSTM(H, m_depth; W_depth)      goes to the next layer

        LSTM(H, m; W):  i, f, o = sigmoid(W H + b)   g = tanh(W H + b)   m' = f * m + i * g   h' = o * tanh(m')

    For deep networks: the memory along depth lets gradients pass many layers as that along time lets them pass many
    steps. The lowest block gets h and m of depth as a linear image of x_t; h of depth that leaves the highest one is
    the output. It stands in the state for that reason alone, no step reads it. With `depth_first`, the depth LSTM sees
    the new h of time (the paper's priority dimension).

    h' is that of an LSTM. Implementations by others differ in it, some have tanh(o * m'), and which of the two the
    paper prints is open here.

    Attributes:
      hidden_size: H, of every vector.
      num_layers: L.
      share_weights: whether all layers have the same block (the paper's tied 2-LSTM).
      depth_first: whether depth waits for time within a block.
      forget_bias: added to b_f of both LSTMs when it is drawn.
      use_bias, input_init, bias_init: as in `LSTM`.
      recurrent_init: how the blocks' matrices are drawn.
    """

    num_layers: int = 2
    share_weights: bool = False
    depth_first: bool = False
    _: dataclasses.KW_ONLY
    forget_bias: float | Chrono = DefaultForgetBias(1.0)
    recurrent_init: Initializer = Gaussian()

    projected_type = GridProjected

    def bias_shifts(self, forget, write):
        return {"i": write, "f": forget}

    def init(self, key, input_size):
        h = self.hidden_size
        key_x, key_b, *keys = jax.random.split(key, 2 + (1 if self.share_weights else self.num_layers))

        def block(key):
            key_t, key_d, key_bt, key_bd, key_ft, key_fd = jax.random.split(key, 6)
            b_time = self.draw_shifted_bias(key_bt, key_ft, LSTMGates._fields)
            b_depth = self.draw_shifted_bias(key_bd, key_fd, LSTMGates._fields)
            w_time, w_depth = (self.recurrent_init(k, (2 * h, 4 * h), gates=4) for k in (key_t, key_d))
            return GridBlock(w_time, b_time, w_depth, b_depth)

        return GridLSTMParams(
            w_x=self.draw_input(key_x, input_size),
            b=self.draw_bias(key_b),
            blocks=tuple(block(k) for k in keys),
        )

    def initial_carry(self, weights, batch_shape=()):
        zeros = jnp.zeros((*batch_shape, self.num_layers, self.hidden_size), weights.w_x.dtype)
        return GridLSTMCarry(zeros, zeros, zeros[..., 0, :])

    def step(self, weights, carry, z, dot=dot):
        h_depth, m_depth, hs, ms = z.h, z.m, [], []
        for n in range(self.num_layers):
            block = weights.blocks[0 if self.share_weights else n]
            h_time, m_time = carry.h[..., n, :], carry.m[..., n, :]
            h, m = _lstm(dot(jnp.concatenate([h_time, h_depth], axis=-1), block.w_time), block.b_time, m_time)
            seen = h if self.depth_first else h_time
            h_depth, m_depth = _lstm(
                dot(jnp.concatenate([seen, h_depth], axis=-1), block.w_depth), block.b_depth, m_depth
            )
            hs.append(h)
            ms.append(m)
        return GridLSTMCarry(jnp.stack(hs, axis=-2), jnp.stack(ms, axis=-2), h_depth)

    def output(self, weights, carry, z):
        return carry.y


def _lstm(a: jax.Array, b: jax.Array | None, m: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns h' and m' of the LSTM transform with pre-activations a + b."""
    i, f, g, o = jnp.split(a if b is None else a + b, 4, axis=-1)
    m = sigmoid(f) * m + sigmoid(i) * jnp.tanh(g)
    return sigmoid(o) * jnp.tanh(m), m
