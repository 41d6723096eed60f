"""The matrix LSTM of xLSTM."""

import dataclasses
import math
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import log_sigmoid, sigmoid
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax._util.float_leaves import at_least_float32
from recurrax.cell import Cell, dot
from recurrax.cells._base.exponential import gates_in_units, no_memory
from recurrax.cells._base.fields import check_fields
from recurrax.cells._base.forget_bias import memory_biases, settle_forget_bias
from recurrax.initializers import (
    Chrono,
    Gaussian,
    Initializer,
    Normal,
    Ramp,
    Zeros,
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
    """mLSTM (Beck et al. 2024): a memory of keys and values, gated, with a normaliser.

        q, k, v = W x_t + b                      o = sigmoid(W_o x_t + b_o)
        i = exp(w_i^T x_t + b_i)                 f = sigmoid(w_f^T x_t + b_f) or exp(w_f^T x_t + b_f)
        C_t = f C_{t-1} + i v k^T / sqrt(E)      n_t = f n_{t-1} + i k / sqrt(E)
        y_t = o * C_t q / max(|n_t^T q|, 1)

    H^2 / N numbers of memory from which a query takes what stands under its key: for recall of many associations, the
    other part of xLSTM. Gates see the input alone. C and n are kept in units of exp(m_t),
    m_t = max(log f + m_{t-1}, w_i^T x_t + b_i), so that no gate overflows; values are the same. m_0 is the smallest
    number: nothing is stored, of which no gradient tells. No `gates`: log f is what the step works with, and the
    logarithm of a gate near 1 would have lost its digits.

    The start is that of the authors' code: w_i and w_f are zero, W has standard deviation sqrt(2 / (5 D)), b_i 0.1, and
    forget biases rise from 3 to 6 over the heads. There the gates see q, k and v, and o is the SiLU of another product.
    In float16 C overflows where v k^T exceeds 65,504.

    Attributes:
      hidden_size: H, a multiple of `num_heads`.
      num_heads: N.
      forget_activation: "sigmoid" or "exp".
      forget_bias: added to b_f when it is drawn; a number, `Chrono`, or a `Ramp` over the heads.
      use_bias: whether biases are there; without them `forget_bias` is 0.
      input_init: how W is drawn.
      gate_init: how w_i and w_f are drawn.
      bias_init: how b, b_o and b_f are drawn.
      input_gate_bias_init: how b_i is drawn.
    """

    hidden_size: int
    num_heads: int = 1
    forget_activation: str = "sigmoid"
    _: dataclasses.KW_ONLY
    forget_bias: float | Chrono | Ramp = Ramp(3.0, 6.0)
    use_bias: bool = True
    input_init: Initializer = Gaussian(gain=0.4**0.5)
    gate_init: Initializer = Zeros()
    bias_init: Initializer = Zeros()
    input_gate_bias_init: Initializer = Normal(std=0.1)

    log_units: ClassVar[tuple[str, ...]] = ("m",)

    def __post_init__(self):
        check_fields(self)
        checks.choice("forget_activation", self.forget_activation, ("sigmoid", "exp"))
        settle_forget_bias(self)
        if self.hidden_size % self.num_heads:
            raise ValueError(f"hidden_size must be a multiple of num_heads = {self.num_heads}, got {self.hidden_size}.")

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        key_x, key_if, key_b, key_bi, key_bf, key_f = jax.random.split(key, 6)
        h, heads = self.hidden_size, self.num_heads
        forget, write = memory_biases(self.forget_bias, key_f, heads)
        b_i, b_f = self.input_gate_bias_init(key_bi, (heads,)) + write, self.bias_init(key_bf, (heads,)) + forget
        return MLSTMParams(
            w_x=self.input_init(key_x, (input_size, 4 * h), gates=4),
            b=self.bias_init(key_b, (4 * h,), gates=4) if self.use_bias else None,
            w_if=self.gate_init(key_if, (input_size, 2 * heads), gates=2),
            b_if=jnp.concatenate([b_i, b_f]) if self.use_bias else None,
        )

    def initial_carry(self, weights, batch_shape=()):
        heads, size = self.num_heads, self.hidden_size // self.num_heads
        dtype = weights.w_x.dtype
        c, n = (jnp.zeros((*batch_shape, heads, *shape), dtype) for shape in ((size, size), (size,)))
        return MLSTMCarry(c, n, no_memory((*batch_shape, heads), dtype))

    def project(self, weights, x, key=None):
        a, gates = x @ weights.w_x, x @ weights.w_if
        if weights.b is not None:
            a, gates = a + weights.b, gates + weights.b_if
        q, k, v, o = jnp.split(a, 4, axis=-1)
        heads, size = self.num_heads, self.hidden_size // self.num_heads
        q, k, v = (part.reshape(*part.shape[:-1], heads, size) for part in (q, k, v))
        return MLSTMProjected(q, k / size**0.5, v, sigmoid(o), *jnp.split(gates, 2, axis=-1))

    def step(self, weights, carry, z, dot=dot):
        i, f, m = gates_in_units(z.i, z.f if self.forget_activation == "exp" else log_sigmoid(z.f), carry.m)
        i, f = i[..., None], f[..., None]
        c = f[..., None] * carry.c + i[..., None] * z.v[..., :, None] * z.k[..., None, :]
        return MLSTMCarry(c, f * carry.n + i * z.k, m)

    def output(self, weights, carry, z):
        c, n, m, q = map(at_least_float32, (*carry, z.q))
        found, weight = (c * q[..., None, :]).sum(-1), jnp.abs((n * q).sum(-1))
        # max(weight, exp(-m)) with the factor exp(m) where that is below 1, so that neither power overflows. Beyond the
        # limit a weight is rounding, and the square of the power, which the derivative needs, would underflow.
        limit = 0.45 * math.log(jnp.finfo(m.dtype).max)
        up, down = jnp.exp(jnp.minimum(m, 0)), jnp.exp(-jnp.clip(m, 0, limit))
        h = found * up[..., None] / jnp.maximum(weight * up, down)[..., None]
        return z.o * h.reshape(z.o.shape).astype(z.o.dtype)
