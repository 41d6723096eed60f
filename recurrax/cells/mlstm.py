"""The matrix LSTM of xLSTM."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import log_sigmoid, sigmoid
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.cell import Cell, dot
from recurrax.cells._base.fields import check_fields
from recurrax.cells._base.forget_bias import DefaultForgetBias, settle_forget_bias
from recurrax.initializers import (
    Chrono,
    Gaussian,
    Initializer,
    Zeros,
    memory_biases,
)


class MLSTMParams(NamedTuple):
    """Parameters of `MLSTM`: q, k, v and o side by side, then i and f, one each for each of N heads."""

    w_x: Float[Array, "D 4*H"]
    b: Float[Array, "4*H"] | None
    w_if: Float[Array, "D 2*N"]
    b_if: Float[Array, "2*N"] | None


class MLSTMCarry(NamedTuple):
    """State of `MLSTM`; c and n in units of exp(m). Heads have E = H / N units."""

    c: Float[Array, "*B N E E"]
    """Value by key."""
    n: Float[Array, "*B N E"]
    m: Float[Array, "*B N"]


class MLSTMProjected(NamedTuple):
    """All that depends on x_t."""

    q: Float[Array, "*B N E"]
    k: Float[Array, "*B N E"]
    v: Float[Array, "*B N E"]
    o: Float[Array, "*B H"]
    i: Float[Array, "*B N"]
    f: Float[Array, "*B N"]


@dataclasses.dataclass(frozen=True)
class MLSTM(Cell):
    """mLSTM (Beck et al. 2024, equations 19 to 27): a memory of keys and values, gated, with a normaliser.

        q, k, v = W x_t + b     i = exp(w_i^T x_t + b_i)     f = sigmoid(w_f^T x_t + b_f)     o = sigmoid(W_o x_t + b_o)
        C_t = f C_{t-1} + i v k^T / sqrt(E)                  n_t = f n_{t-1} + i k / sqrt(E)
        y_t = o * C_t q / max(|n_t^T q|, 1)

    H^2 / N numbers of memory from which a query takes what stands under its key: for recall of many associations, the
    other part of xLSTM. Gates see the input alone. C and n are kept in units of exp(m_t),
    m_t = max(log f + m_{t-1}, w_i^T x_t + b_i), so that nothing overflows; values are the same. No `gates`: log f is
    what the step works with, and the logarithm of a gate near 1 would have lost its digits.

    Attributes:
      hidden_size: H, a multiple of `num_heads`.
      num_heads: N.
      forget_bias: added to b_f when it is drawn; a number, or `Chrono`.
      use_bias: whether biases are there; without them `forget_bias` is 0.
      input_init: how the matrices are drawn.
      bias_init: how biases are drawn.
    """

    hidden_size: int
    num_heads: int = 1
    forget_bias: float | Chrono = DefaultForgetBias(3.0)
    use_bias: bool = True
    input_init: Initializer = Gaussian()
    bias_init: Initializer = Zeros()

    def __post_init__(self):
        check_fields(self)
        settle_forget_bias(self)
        if self.hidden_size % self.num_heads:
            raise ValueError(f"hidden_size must be a multiple of num_heads = {self.num_heads}, got {self.hidden_size}.")

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        key_x, key_if, key_b, key_bif, key_f = jax.random.split(key, 5)
        h, heads = self.hidden_size, self.num_heads
        forget, write = memory_biases(self.forget_bias, key_f, heads)
        b_if = self.bias_init(key_bif, (2 * heads,), gates=2) + jnp.concatenate([write, forget])
        return MLSTMParams(
            w_x=self.input_init(key_x, (input_size, 4 * h), gates=4),
            b=self.bias_init(key_b, (4 * h,), gates=4) if self.use_bias else None,
            w_if=self.input_init(key_if, (input_size, 2 * heads), gates=2),
            b_if=b_if if self.use_bias else None,
        )

    def initial_carry(self, weights, batch_shape=()):
        heads, size = self.num_heads, self.hidden_size // self.num_heads
        shapes = (heads, size, size), (heads, size), (heads,)
        return MLSTMCarry(*(jnp.zeros((*batch_shape, *shape), weights.w_x.dtype) for shape in shapes))

    def project(self, weights, x, key=None):
        a, gates = x @ weights.w_x, x @ weights.w_if
        if weights.b is not None:
            a, gates = a + weights.b, gates + weights.b_if
        q, k, v, o = jnp.split(a, 4, axis=-1)
        heads, size = self.num_heads, self.hidden_size // self.num_heads
        q, k, v = (part.reshape(*part.shape[:-1], heads, size) for part in (q, k, v))
        return MLSTMProjected(q, k / size**0.5, v, sigmoid(o), *jnp.split(gates, 2, axis=-1))

    def step(self, weights, carry, z, dot=dot):
        log_f = log_sigmoid(z.f) + carry.m
        m = jnp.maximum(log_f, z.i)
        i, f = jnp.exp(z.i - m)[..., None], jnp.exp(log_f - m)[..., None]
        c = f[..., None] * carry.c + i[..., None] * z.v[..., :, None] * z.k[..., None, :]
        return MLSTMCarry(c, f * carry.n + i * z.k, m)

    def output(self, weights, carry, z):
        found = (carry.c * z.q[..., None, :]).sum(-1)
        weight = jnp.abs((carry.n * z.q).sum(-1))
        h = found / jnp.maximum(weight, jnp.exp(-carry.m))[..., None]
        return z.o * h.reshape(z.o.shape)
