"""The convolutional GRU."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.cell import dot
from recurrax.cells._base.convolution import check_space, convolve, draw_kernel
from recurrax.cells._base.gated import GatedCell
from recurrax.cells.gru import GRUGates
from recurrax.initializers import Gaussian, Initializer


class ConvGRUParams(NamedTuple):
    """Parameters of `ConvGRU`, gates side by side in the order r, z, n; *K is the kernel's window."""

    w_x: Float[Array, "*K D 3*H"]
    w_h: Float[Array, "*K H 3*H"]
    b: Float[Array, "3*H"] | None


class ConvGRUCarry(NamedTuple):
    """State of `ConvGRU`, `[*B, *S, H]`."""

    h: Float[Array, "... H"]


@dataclasses.dataclass(frozen=True)
class ConvGRU(GatedCell):
    """Convolutional GRU over one to three spatial axes (Ballas et al. 2016, equations 5 to 8).

        r, z = sigmoid(W ** x_t + U ** h_{t-1} + b)             h_t = (1 - z) * h_{t-1} + z * n
        n = tanh(W ** x_t + U ** (r * h_{t-1}) + b)

    For sequences of fields and pictures, with three quarters of a `ConvLSTM`'s parameters and half its state. ** is a
    convolution whose result keeps the size, with zeros around. Inputs are `[T, *B, *S, D]`, channels last.

    Attributes:
      hidden_size: H, channels of the state.
      spatial_shape: S, one to three sizes.
      kernel_size: of the windows of W and U along every axis.
      forget_bias, use_bias, bias_init: as in `GRU`.
      input_init, recurrent_init: how W and U are drawn, as matrices whose rows are the places of a window.
    """

    spatial_shape: tuple[int, ...] = (8, 8)
    kernel_size: int = 3
    _: dataclasses.KW_ONLY
    recurrent_init: Initializer = Gaussian()

    projected_type = GRUGates
    signed_gates = ("n",)

    def __post_init__(self):
        super().__post_init__()
        check_space(self.spatial_shape, self.kernel_size)

    @property
    def input_ndim(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        """Spatial axes and channels."""
        return len(self.spatial_shape) + 1

    def bias_shifts(self, forget, write):
        return {"z": -forget}

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        key_x, key_h, key_b, key_f = jax.random.split(key, 4)
        h, window = self.hidden_size, (self.kernel_size,) * len(self.spatial_shape)
        return ConvGRUParams(
            w_x=draw_kernel(self.input_init, key_x, window, input_size, h, 3),
            w_h=draw_kernel(self.recurrent_init, key_h, window, h, h, 3),
            b=self.draw_bias(key_b, key_f, GRUGates._fields) if self.use_bias else None,
        )

    def initial_carry(self, weights, batch_shape=()):
        return ConvGRUCarry(jnp.zeros((*batch_shape, *self.spatial_shape, self.hidden_size), weights.w_h.dtype))

    def project(self, weights, x, key=None):
        z = convolve(x, weights.w_x)
        return GRUGates(*jnp.split(z if weights.b is None else z + weights.b, 3, axis=-1))

    def gates(self, weights, carry, z, dot=dot):
        u_rz, u_n = jnp.split(weights.w_h, [2 * self.hidden_size], axis=-1)
        u_r, u_z = jnp.split(dot(carry.h, u_rz, convolve), 2, axis=-1)
        r = sigmoid(z.r + u_r)
        return GRUGates(r=r, z=sigmoid(z.z + u_z), n=jnp.tanh(z.n + dot(r * carry.h, u_n, convolve)))

    def step(self, weights, carry, z, dot=dot):
        gate = self.gates(weights, carry, z, dot)
        return ConvGRUCarry((1 - gate.z) * carry.h + gate.z * gate.n)

    def retention(self, gates):
        return 1 - gates.z

    def input_size(self, params):
        return params.w_x.shape[-2]

    def zero_input(self, input_size):
        return jnp.zeros((*self.spatial_shape, input_size))
