"""The non-saturating recurrent unit."""

import dataclasses
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.activations import activation
from recurrax.cell import Cell, dot
from recurrax.cells._base.fields import check_fields
from recurrax.initializers import Gaussian, Initializer, OrthogonalPerGate, Zeros


class NRUParams(NamedTuple):
    """Parameters of `NRU`: of h, and of the heads, E = 2*K*(1 + 2*sqrt(M)): for each head alpha or beta, p and q."""

    w_x: Float[Array, "D H"]
    w_h: Float[Array, "H H"]
    w_m: Float[Array, "M H"]
    b: Float[Array, "H"] | None
    e_x: Float[Array, "D E"]
    e_h: Float[Array, "H E"]
    e_m: Float[Array, "M E"]
    b_e: Float[Array, "E"] | None


class NRUCarry(NamedTuple):
    """State of `NRU`."""

    h: Float[Array, "*B H"]
    m: Float[Array, "*B M"]


class NRUProjected(NamedTuple):
    """What x_t adds to h, and to alpha or beta, p and q of each head, all that write before all that erase."""

    h: Float[Array, "*B H"]
    e: Float[Array, "*B E"]


@dataclasses.dataclass(frozen=True)
class NRU(Cell):
    """Non-saturating recurrent unit (Chandar et al. 2019): a flat memory that K heads write to and K heads erase from.

        h_t = activation(W_x x_t + W_h h_{t-1} + W_m m_{t-1} + b)
        m_t = m_{t-1} + sum_k alpha_k v_k - sum_k beta_k u_k
        alpha, beta, p, q = affine in x_t, h_t and m_{t-1}          v, u = unit(vec(p q^T)), each with its own p and q

    unit(a) = a / |a|, in the paper by the norm of order 5. With `rectify`, alpha, beta and p q^T pass a ReLU first.

    For gradients that nothing saturates: the memory is a sum, without a forget gate and without a bound. The outer
    product makes a direction in M dimensions of 2 sqrt(M) numbers.

    The authors' code leaves x_t out of the heads, takes means in the place of the sums, and cuts the directions of all
    heads from one outer product. At the start it draws all that leads to h within 1 / sqrt(D + H + M); here W_h is
    orthogonal.

    Attributes:
      hidden_size: H.
      memory_size: M, a square.
      num_heads: K.
      rectify: whether heads write and erase what is not negative only.
      norm_order: of the norm that directions are divided by.
      activation: a name in `recurrax.activations.ACTIVATIONS`.
      use_bias: whether biases are there.
      input_init: how W_x is drawn.
      recurrent_init: how W_h is drawn.
      head_init: how W_m and all weights of the heads are drawn. The default gain is about that of the authors' code for
        H = M, entries within 1 / sqrt(H + M); with 1 a memory without a bound grows fast.
      bias_init: how biases are drawn.
    """

    hidden_size: int
    memory_size: int = 64
    num_heads: int = 4
    rectify: bool = False
    norm_order: int = 5
    activation: str = "relu"
    use_bias: bool = True
    input_init: Initializer = Gaussian()
    recurrent_init: Initializer = OrthogonalPerGate()
    head_init: Initializer = Gaussian(gain=0.4)
    bias_init: Initializer = Zeros()

    def __post_init__(self):
        check_fields(self)
        if math.isqrt(self.memory_size) ** 2 != self.memory_size:
            raise ValueError(f"memory_size must be the square of an integer, got {self.memory_size}.")
        activation(self.activation)

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        keys = jax.random.split(key, 8)
        h, m = self.hidden_size, self.memory_size
        e = 2 * self.num_heads * (1 + 2 * math.isqrt(m))
        return NRUParams(
            w_x=self.input_init(keys[0], (input_size, h)),
            w_h=self.recurrent_init(keys[1], (h, h)),
            w_m=self.head_init(keys[2], (m, h)),
            b=self.bias_init(keys[3], (h,)) if self.use_bias else None,
            e_x=self.head_init(keys[4], (input_size, e)),
            e_h=self.head_init(keys[5], (h, e)),
            e_m=self.head_init(keys[6], (m, e)),
            b_e=self.bias_init(keys[7], (e,)) if self.use_bias else None,
        )

    def initial_carry(self, weights, batch_shape=()):
        sizes = (self.hidden_size, self.memory_size)
        return NRUCarry(*(jnp.zeros((*batch_shape, size), weights.w_h.dtype) for size in sizes))

    def project(self, weights, x, key=None):
        h, e = x @ weights.w_x, x @ weights.e_x
        return NRUProjected(h, e) if weights.b is None else NRUProjected(h + weights.b, e + weights.b_e)

    def step(self, weights, carry, z, dot=dot):
        h = activation(self.activation)(z.h + dot(carry.h, weights.w_h) + dot(carry.m, weights.w_m))
        e = z.e + dot(h, weights.e_h) + dot(carry.m, weights.e_m)
        strength, direction = self._heads(e)
        write, erase = jnp.moveaxis(jnp.sum(strength * direction, axis=-2), -2, 0)
        return NRUCarry(h=h, m=carry.m + write - erase)

    def _heads(self, e: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Returns strengths `[*B, 2, K, 1]` and directions `[*B, 2, K, M]`, of heads that write and that erase."""
        side = math.isqrt(self.memory_size)
        e = e.reshape(*e.shape[:-1], 2, self.num_heads, 1 + 2 * side)
        strength, p, q = jnp.split(e, [1, 1 + side], axis=-1)
        p, q = _scaled(p), _scaled(q)  # the direction does not depend on their scales, which multiplied overflow
        direction = (p[..., :, None] * q[..., None, :]).reshape(*e.shape[:-1], self.memory_size)
        if self.rectify:
            strength, direction = jax.nn.relu(strength), jax.nn.relu(direction)
        return strength, _unit(direction, self.norm_order)


def _scaled(a: jax.Array) -> jax.Array:
    """Divides by the largest modulus along the last axis, for what does not depend on the scale; leaves zeros."""
    scale = jax.lax.stop_gradient(jnp.max(jnp.abs(a), axis=-1, keepdims=True))
    return a / jnp.where(scale == 0, 1, scale)


def _unit(a: jax.Array, order: int) -> jax.Array:
    """Divides by the norm of that order along the last axis; leaves zeros as they are."""
    # Powers of small numbers underflow. The quotient does not depend on the scale: nor does its derivative.
    a = _scaled(a)
    total = jnp.sum(jnp.abs(a) ** order, axis=-1, keepdims=True)
    return a / jnp.where(total == 0, 1, total) ** (1 / order)
