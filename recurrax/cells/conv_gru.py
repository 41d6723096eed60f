"""The convolutional GRU."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax.cell import dot
from recurrax.cells._base.convolution import ConvolutionalCell, convolve
from recurrax.cells.gru import GRUGates


class ConvGRUParams(NamedTuple):
    """Parameters of `ConvGRU`, gates side by side in the order r, z, n; *K is the kernel's window."""

    w_x: Float[Array, "*K D 3*H"]
    w_h: Float[Array, "*K H 3*H"]
    b: Float[Array, "3*H"] | None


class ConvGRUCarry(NamedTuple):
    """State of `ConvGRU`, `[*B, *S, H]`."""

    h: Float[Array, "... H"]


@dataclasses.dataclass(frozen=True)
class ConvGRU(ConvolutionalCell):
    """Convolutional GRU over one to three spatial axes (Ballas et al. 2016).

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

    params_type = ConvGRUParams
    carry_type = ConvGRUCarry
    projected_type = GRUGates
    signed_gates: ClassVar[tuple[str, ...]] = ("n",)

    def bias_shifts(self, forget, write):
        return {"z": -forget}

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
