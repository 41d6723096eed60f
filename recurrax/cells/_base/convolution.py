"""The convolution of convolutional cells, over any number of spatial axes, and how they draw its kernels."""

import math

import jax

from recurrax._util import checks
from recurrax.initializers import Initializer


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


def draw_kernel(
    init: Initializer, key: jax.Array, window: tuple[int, ...], channels: int, width: int, gates: int
) -> jax.Array:
    """Draws a kernel `[*window, channels, gates * width]` as the matrix of a patch."""
    rows = math.prod(window) * channels
    return init(key, (rows, gates * width), gates=gates).reshape(*window, channels, gates * width)


def check_space(spatial_shape: tuple[int, ...], kernel_size: int) -> None:
    """Raises unless there are one to three spatial axes, and the kernel has a size."""
    if not (isinstance(spatial_shape, tuple) and 1 <= len(spatial_shape) <= 3):
        raise TypeError(f"spatial_shape must be a tuple of one to three sizes, got {spatial_shape!r}.")
    for size in spatial_shape:
        checks.positive_int("spatial_shape", size)
    checks.positive_int("kernel_size", kernel_size)
