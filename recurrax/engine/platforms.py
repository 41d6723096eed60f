"""The platform that a program is made for, by which rules and loops differ.

A process with a GPU may compute on its CPU, and a process without one may export a program for it. So a traced program
holds what either needs, and JAX drops the rest when it lowers the program.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
from jax.core import Tracer


def default_platform() -> str:
    """Returns "cpu", "gpu" or "tpu": where a program runs of which nothing else is known."""
    device = jax.config.jax_default_device  # pyright: ignore[reportAttributeAccessIssue]
    if device is None:
        return jax.default_backend()
    return _named(device if isinstance(device, str) else device.platform)


def by_platform(execute: Callable[..., Any], *args: Any) -> Any:
    """Returns `execute(platform, *args)` for the platform that the program around it is lowered for.

    Args:
      execute: is traced for "cpu", and for one other platform: the default one, or "gpu" where that is a CPU.
      args: pytrees of arrays.
    """
    device = _device(args)
    if device is not None:
        return execute(_named(device.platform), *args)
    default = default_platform()
    other = "gpu" if default == "cpu" else default
    return jax.lax.platform_dependent(
        *args, cpu=functools.partial(execute, "cpu"), default=functools.partial(execute, other)
    )


def _device(args: Any) -> Any:
    """Returns a device that arrays were put on, where nothing is traced."""
    leaves = [leaf for leaf in jax.tree.leaves(args) if isinstance(leaf, jax.Array)]
    if any(isinstance(leaf, Tracer) for leaf in leaves):
        return None
    return next((next(iter(leaf.devices())) for leaf in leaves if leaf.committed), None)


def _named(platform: str) -> str:
    return "gpu" if platform in ("cuda", "rocm") else platform
