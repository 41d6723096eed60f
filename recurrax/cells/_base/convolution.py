"""What convolutional cells share: hyper-parameters, how kernels are drawn, and a convolution over any spatial axes."""

import dataclasses
import math

import jax
import jax.numpy as jnp

from recurrax._util import checks
from recurrax.cells._base.gated import GatedCell
from recurrax.initializers import Gaussian, Initializer


@dataclasses.dataclass(frozen=True)
class ConvolutionalCell(GatedCell):
    """Base of gated cells whose products are convolutions, with inputs `[*B, *S, D]` and states `[*B, *S, H]`.

    Attributes:
      hidden_size: H, channels of the state.
      spatial_shape: S, one to three sizes.
      kernel_size: of the windows of W and U along every axis.
      forget_bias, use_bias, bias_init: as in `GatedCell`.
      input_init, recurrent_init: how W and U are drawn, as matrices whose rows are the places of a window.
    """

    spatial_shape: tuple[int, ...] = (8, 8)
    kernel_size: int = 3
    _: dataclasses.KW_ONLY
    recurrent_init: Initializer = Gaussian()

    def __post_init__(self):
        super().__post_init__()
        if not (isinstance(self.spatial_shape, tuple) and 1 <= len(self.spatial_shape) <= 3):
            raise TypeError(f"spatial_shape must be a tuple of one to three sizes, got {self.spatial_shape!r}.")
        for size in self.spatial_shape:
            checks.positive_int("spatial_shape", size)

    @property
    def input_ndim(self):
        """Spatial axes and channels."""
        return len(self.spatial_shape) + 1

    def draw_input(self, key, input_size):
        checks.size("input_size", input_size)
        return self._draw_kernel(self.input_init, key, input_size)

    def draw_recurrent(self, key):
        return self._draw_kernel(self.recurrent_init, key, self.hidden_size)

    def _draw_kernel(self, init: Initializer, key: jax.Array, channels: int) -> jax.Array:
        """Draws a kernel `[*K, channels, G*H]` as the matrix of a patch."""
        window, gates = (self.kernel_size,) * len(self.spatial_shape), len(self.projected_type._fields)
        width = gates * self.hidden_size
        return init(key, (math.prod(window) * channels, width), gates=gates).reshape(*window, channels, width)

    def initial_carry(self, weights, batch_shape=()):
        zeros = jnp.zeros((*batch_shape, *self.spatial_shape, self.hidden_size), weights.w_h.dtype)
        return self.carry_type(*[zeros] * len(self.carry_type._fields))

    def project(self, weights, x, key=None):
        z = convolve(x, weights.w_x)
        z = z if weights.b is None else z + weights.b
        return self.projected_type(*jnp.split(z, len(self.projected_type._fields), axis=-1))

    def input_size(self, params):
        return params.w_x.shape[-2]

    def zero_input(self, input_size):
        return jnp.zeros((*self.spatial_shape, input_size))


def convolve(a: jax.Array, kernel: jax.Array) -> jax.Array:
    """Returns the convolution (in fact correlation) with a kernel, zeros around, so that the size stays; bilinear.

    Args:
      a: `[*B, *S, C]`.
      kernel: `[*K, C, N]`, as many axes K as there are axes S.

    Returns:
      `[*B, *S, N]`.
    """
    spatial = kernel.ndim - 2
    batch, shape = a.shape[: a.ndim - spatial - 1], a.shape[a.ndim - spatial - 1 :]
    letters = "DHW"[3 - spatial :]
    flat = jax.lax.conv_general_dilated(
        a.reshape(math.prod(batch), *shape),
        kernel,
        window_strides=(1,) * spatial,
        padding="SAME",
        dimension_numbers=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
    )
    return flat.reshape(*batch, *shape[:-1], kernel.shape[-1])
