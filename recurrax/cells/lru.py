"""The linear recurrent unit."""

import dataclasses
import math
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from recurrax._util import checks
from recurrax._util.float_leaves import at_least_float32
from recurrax.cell import Cell, dot
from recurrax.cells._base.fields import check_fields


class LRUParams(NamedTuple):
    """Parameters of `LRU`; complex matrices as two real ones."""

    log_nu: Float[Array, "H"]
    log_theta: Float[Array, "H"]
    log_gamma: Float[Array, "H"]
    w_x_re: Float[Array, "D H"]
    w_x_im: Float[Array, "D H"]
    w_y_re: Float[Array, "H O"]
    w_y_im: Float[Array, "H O"]


class LRUWeights(NamedTuple):
    """What all steps of an `LRU` share."""

    decay: Complex[Array, "H"]
    params: LRUParams


class LRUCarry(NamedTuple):
    """State of `LRU`."""

    h: Complex[Array, "*B H"]


class LRUProjected(NamedTuple):
    """gamma * B x_t."""

    h: Complex[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class LRU(Cell):
    """Linear recurrent unit (Orvieto et al. 2023): a diagonal, complex, linear recurrence.

        h_t = lambda * h_{t-1} + gamma * (B x_t)        lambda = exp(-exp(log_nu) + i exp(log_theta))
        y_t = Re(C h_t)                                 gamma  = exp(log_gamma)

    |lambda| < 1 whatever the parameters. At first lambda lies uniformly on a ring of the complex plane, and
    gamma = sqrt(1 - |lambda|^2), which gives the state the variance of its input; the parts of B have the variance
    1 / (2 D), those of C 1 / H. The paper's D x_t, which goes past
    the state, is the business of what stands around the cell (a residual connection, say).

    The state is complex64, or complex128 for parameters in float64.

    Attributes:
      hidden_size: H, complex units.
      output_size: O; None for H.
      r_min, r_max: the ring's radii, 0 <= r_min < r_max <= 1; close to 1 for long memory.
      max_phase: phases lie in (0, max_phase) radians; small for long-range inputs.
    """

    hidden_size: int
    output_size: int | None = None
    r_min: float = 0.0
    r_max: float = 1.0
    max_phase: float = 2 * math.pi

    linear: ClassVar[bool] = True

    def __post_init__(self):
        check_fields(self)
        if not 0 <= self.r_min < self.r_max <= 1:
            raise ValueError(
                f"r_min and r_max must satisfy 0 <= r_min < r_max <= 1, got r_min={self.r_min}, r_max={self.r_max}."
            )
        checks.positive("max_phase", self.max_phase)

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        keys = jax.random.split(key, 6)
        h, o = self.hidden_size, self.output_size or self.hidden_size
        # Away from the ends by one part in a million: log(0) at radius 0 and at phase 0, no decay at radius 1.
        uniform_r, uniform_phase = (jax.random.uniform(k, (h,), minval=1e-6, maxval=1 - 1e-6) for k in keys[:2])
        nu = -0.5 * jnp.log(uniform_r * (self.r_max**2 - self.r_min**2) + self.r_min**2)
        return LRUParams(
            log_nu=jnp.log(nu),
            log_theta=jnp.log(self.max_phase * uniform_phase),
            log_gamma=0.5 * jnp.log(-jnp.expm1(-2 * nu)),
            w_x_re=jax.random.normal(keys[2], (input_size, h)) / (2 * input_size) ** 0.5,
            w_x_im=jax.random.normal(keys[3], (input_size, h)) / (2 * input_size) ** 0.5,
            w_y_re=jax.random.normal(keys[4], (h, o)) / h**0.5,
            w_y_im=jax.random.normal(keys[5], (h, o)) / h**0.5,
        )

    def prepare(self, params, *, key=None, batch_shape=()):
        # There is no complex number of half precision.
        nu, theta = (jnp.exp(at_least_float32(a)) for a in (params.log_nu, params.log_theta))
        radius = jnp.exp(-nu)
        return LRUWeights(decay=jax.lax.complex(radius * jnp.cos(theta), radius * jnp.sin(theta)), params=params)

    def initial_carry(self, weights, batch_shape=()):
        return LRUCarry(jnp.zeros((*batch_shape, self.hidden_size), weights.decay.dtype))

    def project(self, weights, x, key=None):
        params = weights.params
        gamma = jnp.exp(params.log_gamma)
        return LRUProjected(
            jax.lax.complex(
                at_least_float32((x @ params.w_x_re) * gamma), at_least_float32((x @ params.w_x_im) * gamma)
            )
        )

    def step(self, weights, carry, z, dot=dot):
        return LRUCarry(weights.decay * carry.h + z.h)

    def output(self, weights, carry, z):
        params = weights.params
        re, im = (a.astype(params.w_y_re.dtype) for a in (carry.h.real, carry.h.imag))
        return re @ params.w_y_re - im @ params.w_y_im

    def input_size(self, params):
        return params.w_x_re.shape[0]
