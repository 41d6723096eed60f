"""The Legendre memory unit."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.activations import activation
from recurrax.cell import Cell, dot
from recurrax.cells._base.fields import check_fields
from recurrax.initializers import Gaussian, Initializer, Zeros


class LMUParams(NamedTuple):
    """Parameters of `LMU`; M = `memory_size`."""

    w_x: Float[Array, "D H"]
    w_h: Float[Array, "H H"]
    w_m: Float[Array, "M H"]
    e_x: Float[Array, "D 1"]
    e_h: Float[Array, "H 1"]
    e_m: Float[Array, "M 1"]


class LMUWeights(NamedTuple):
    """What a run works with: the parameters, and the memory's fixed matrices."""

    params: LMUParams
    a: Float[Array, "M M"]
    """Multiplies the memory from the right."""
    b: Float[Array, "M"]


class LMUCarry(NamedTuple):
    """State of `LMU`."""

    h: Float[Array, "*B H"]
    m: Float[Array, "*B M"]


class LMUProjected(NamedTuple):
    """W_x x_t and e_x^T x_t."""

    h: Float[Array, "*B H"]
    u: Float[Array, "*B 1"]


@dataclasses.dataclass(frozen=True)
class LMU(Cell):
    """Legendre memory unit (Voelker, Kajic & Eliasmith 2019).

        u_t = e_x^T x_t + e_h^T h_{t-1} + e_m^T m_{t-1}         m_t = A m_{t-1} + B u_t
        h_t = activation(W_x x_t + W_h h_{t-1} + W_m m_t)

    A linear memory that holds the last `window` steps of u as coefficients of Legendre polynomials, beside a small
    nonlinear state: for dependencies over 10^5 steps. A and B are fixed, the zero-order hold over one step of

        window * dm/dt = A' m + B' u,   A'_ij = (2i + 1) (-1 if i < j else (-1)^(i-j+1)),   B'_i = (2i + 1) (-1)^i

    At the start a weight of N inputs has the variance 1 / N, and e_m = 0; the authors' code has 2 / (N + H) for W_x and
    W_m.

    Attributes:
      hidden_size: H.
      memory_size: M, the number of polynomials.
      window: theta, the number of steps that the memory spans.
      activation: a name in `recurrax.activations.ACTIVATIONS`.
      input_init: how W_x, W_m, e_x and e_h are drawn.
      recurrent_init: how W_h is drawn.
      memory_init: how e_m is drawn, zero in the paper.
    """

    hidden_size: int
    memory_size: int = 16
    window: float = 128.0
    activation: str = "tanh"
    input_init: Initializer = Gaussian()
    recurrent_init: Initializer = Gaussian()
    memory_init: Initializer = Zeros()

    def __post_init__(self):
        check_fields(self)
        checks.positive("window", self.window)
        activation(self.activation)

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        keys = jax.random.split(key, 6)
        h, m = self.hidden_size, self.memory_size
        return LMUParams(
            w_x=self.input_init(keys[0], (input_size, h)),
            w_h=self.recurrent_init(keys[1], (h, h)),
            w_m=self.input_init(keys[2], (m, h)),
            e_x=self.input_init(keys[3], (input_size, 1)),
            e_h=self.input_init(keys[4], (h, 1)),
            e_m=self.memory_init(keys[5], (m, 1)),
        )

    def prepare(self, params, *, key=None, batch_shape=()):
        a, b = legendre_memory(self.memory_size, self.window)
        dtype = params.w_h.dtype
        return LMUWeights(params, jnp.asarray(a.T, dtype), jnp.asarray(b, dtype))

    def initial_carry(self, weights, batch_shape=()):
        sizes = self.hidden_size, self.memory_size
        return LMUCarry(*(jnp.zeros((*batch_shape, size), weights.a.dtype) for size in sizes))

    def project(self, weights, x, key=None):
        return LMUProjected(x @ weights.params.w_x, x @ weights.params.e_x)

    def step(self, weights, carry, z, dot=dot):
        p = weights.params
        u = z.u + dot(carry.h, p.e_h) + dot(carry.m, p.e_m)
        m = dot(carry.m, weights.a) + weights.b * u
        return LMUCarry(activation(self.activation)(z.h + dot(carry.h, p.w_h) + dot(m, p.w_m)), m)


def legendre_memory(size: int, window: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns A `[M, M]` and B `[M]` of the memory, discretised by a zero-order hold over one step, in float64."""
    i, j = np.arange(size)[:, None], np.arange(size)
    a = (2 * i + 1) * np.where(i < j, -1.0, (-1.0) ** (i - j + 1))
    b = ((2 * i + 1) * (-1.0) ** i)[:, 0]
    # exp([[A, B], [0, 0]]) holds both the exponential of A and its integral times B.
    joint = np.zeros((size + 1, size + 1))
    joint[:size, :size], joint[:size, size] = a / window, b / window
    exponential = scipy.linalg.expm(joint)
    return exponential[:size, :size], exponential[:size, size]
