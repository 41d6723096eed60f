"""The diagonal state space of S5."""

import dataclasses
import math
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from recurrax._util import checks
from recurrax._util.float_leaves import at_least_float32
from recurrax.cell import Cell, dot
from recurrax.cells._base.fields import check_fields
from recurrax.initializers import Gaussian, Initializer

EDGE = -1e-4
"""Largest real part of an eigenvalue where `left_half_plane` is set."""


def hippo_normal(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns eigenvalues `[N]` and unit eigenvectors `[N, N]` (columns) of the normal part of the HiPPO-LegS matrix.

    The matrix A_nk = -sqrt((2n + 1) (2k + 1)) for n > k, -(n + 1) for n = k, 0 above is normal but for a rank of one:
    A + p p^T with p_n = sqrt(n + 1/2) is -I / 2 plus a skew-symmetric matrix. Eigenvalues are in the order of their
    imaginary parts, which come in pairs of both signs; eigenvectors have a first component above zero.
    """
    root = np.sqrt(2.0 * np.arange(size) + 1)
    skew = np.triu(np.outer(root, root), 1) / 2
    skew = skew - skew.T
    frequency, vectors = np.linalg.eigh(-1j * skew)
    return -0.5 + 1j * frequency, vectors * np.exp(-1j * np.angle(vectors[0]))


class S5Params(NamedTuple):
    """Parameters of `S5`; complex numbers as two real ones."""

    lambda_re: Float[Array, "H"]
    lambda_im: Float[Array, "H"]
    log_step: Float[Array, "H"]
    w_x_re: Float[Array, "D H"]
    w_x_im: Float[Array, "D H"]
    w_y_re: Float[Array, "H O"]
    w_y_im: Float[Array, "H O"]


class S5Weights(NamedTuple):
    """What all steps of an `S5` share: the discretised eigenvalues, and what B x_t is multiplied by."""

    decay: Complex[Array, "H"]
    scale: Complex[Array, "H"]
    params: S5Params


class S5Carry(NamedTuple):
    """State of `S5`."""

    h: Complex[Array, "*B H"]


class S5Projected(NamedTuple):
    """The discretised B x_t."""

    h: Complex[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class S5(Cell):
    """State space of S5 (Smith, Warrington & Linderman 2023): one diagonal linear system of many inputs and outputs.

        dh/dt = Lambda h + B x                          y_t = 2 Re(C h_t)
        h_t = exp(Lambda d) * h_{t-1} + Lambda^-1 (exp(Lambda d) - 1) * (B x_t)

    with a learned step d of every unit's own. At first Lambda holds the eigenvalues of the normal part of the
    HiPPO-LegS matrix, whose states are coefficients of the past in Legendre polynomials: long memory from the start. B
    and C are drawn for the real system and turned into its eigenvectors. The layer's D x_t, which goes past the state,
    and its nonlinearity are the business of what stands around the cell.

    B has the variance 1 / D of its entries; the authors' code divides by the size of the state. The state is complex64,
    or complex128 for parameters in float64.

    Attributes:
      hidden_size: H, complex units.
      output_size: O; None for H.
      blocks: the system begins as so many equal ones side by side; divides H.
      conjugate_symmetry: whether a unit stands for a pair of conjugate ones, so that H units are a real system of size
        2 H; without it y_t = Re(C h_t), and the system has size H.
      discretization: "zoh", the input held for a step, as above; "bilinear":
        h_t = (1 + Lambda d / 2) / (1 - Lambda d / 2) * h_{t-1} + d / (1 - Lambda d / 2) * (B x_t).
      step_min, step_max: log d is drawn uniformly between their logarithms.
      left_half_plane: whether real parts of Lambda are cut off below zero, so that no parameters make the state grow.
      input_init: how B is drawn, before it is turned.
    """

    hidden_size: int
    output_size: int | None = None
    blocks: int = 1
    conjugate_symmetry: bool = True
    discretization: str = "zoh"
    step_min: float = 0.001
    step_max: float = 0.1
    left_half_plane: bool = False
    input_init: Initializer = Gaussian()

    linear: ClassVar[bool] = True

    def __post_init__(self):
        check_fields(self)
        if self.hidden_size % self.blocks:
            raise ValueError(f"blocks must divide hidden_size = {self.hidden_size}, got {self.blocks}.")
        checks.choice("discretization", self.discretization, ("zoh", "bilinear"))
        checks.positive("step_min", self.step_min)
        checks.positive("step_max", self.step_max)
        if self.step_max < self.step_min:
            raise ValueError(f"step_max must be at least step_min = {self.step_min}, got {self.step_max}.")

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        key_step, key_x, key_re, key_im = jax.random.split(key, 4)
        h, o = self.hidden_size, self.output_size or self.hidden_size
        units = h // self.blocks
        size = 2 * units if self.conjugate_symmetry else units
        eigenvalues, vectors = hippo_normal(size)
        lambdas, v = np.tile(eigenvalues[:units], self.blocks), np.kron(np.eye(self.blocks), vectors[:, :units])
        v_re, v_im = jnp.asarray(np.real(v), float), jnp.asarray(np.imag(v), float)
        b = self.input_init(key_x, (input_size, v.shape[0]))
        c_re, c_im = (Gaussian()(k, (v.shape[0], o)) for k in (key_re, key_im))
        low, high = math.log(self.step_min), math.log(self.step_max)
        return S5Params(
            lambda_re=jnp.asarray(np.real(lambdas), float),
            lambda_im=jnp.asarray(np.imag(lambdas), float),
            log_step=jax.random.uniform(key_step, (h,), minval=low, maxval=high),
            w_x_re=b @ v_re,
            w_x_im=-b @ v_im,
            w_y_re=v_re.T @ c_re - v_im.T @ c_im,
            w_y_im=v_re.T @ c_im + v_im.T @ c_re,
        )

    def prepare(self, params, *, key=None, batch_shape=()):
        # There is no complex number of half precision.
        re, im, log_step = (at_least_float32(a) for a in (params.lambda_re, params.lambda_im, params.log_step))
        step = jnp.exp(log_step)
        w = jax.lax.complex((jnp.minimum(re, EDGE) if self.left_half_plane else re) * step, im * step)
        step = jax.lax.complex(step, jnp.zeros_like(step))
        if self.discretization == "bilinear":
            return S5Weights(decay=(1 + w / 2) / (1 - w / 2), scale=step / (1 - w / 2), params=params)
        return S5Weights(decay=jnp.exp(w), scale=step * _mean_growth(w), params=params)

    def initial_carry(self, weights, batch_shape=()):
        return S5Carry(jnp.zeros((*batch_shape, self.hidden_size), weights.decay.dtype))

    def project(self, weights, x, key=None):
        re, im = x @ weights.params.w_x_re, x @ weights.params.w_x_im
        return S5Projected(weights.scale * jax.lax.complex(at_least_float32(re), at_least_float32(im)))

    def step(self, weights, carry, z, dot=dot):
        return S5Carry(weights.decay * carry.h + z.h)

    def output(self, weights, carry, z):
        params = weights.params
        re, im = (a.astype(params.w_y_re.dtype) for a in (carry.h.real, carry.h.imag))
        y = re @ params.w_y_re - im @ params.w_y_im
        return 2 * y if self.conjugate_symmetry else y

    def input_size(self, params):
        return params.w_x_re.shape[0]


def _mean_growth(w: jax.Array) -> jax.Array:
    """Returns (exp(w) - 1) / w, the mean of exp from 0 to w; small w by its series, whose derivatives do not cancel."""
    small = jnp.abs(w) < 1
    near, far = jnp.where(small, w, 0), jnp.where(small, 1, w)
    series = jnp.ones_like(w)
    for n in range(20, 1, -1):
        series = 1 + near * series / n
    return jnp.where(small, series, jnp.expm1(far) / far)
