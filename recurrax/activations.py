"""Activation functions by name, so that a cell that holds one compares, hashes and prints by value."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from recurrax._util.naming import did_you_mean

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "identity": lambda a: a,
    "sigmoid": jax.nn.sigmoid,
    "hard_sigmoid": jax.nn.hard_sigmoid,
    "hard_tanh": jax.nn.hard_tanh,
    "leaky_relu": jax.nn.leaky_relu,
    "elu": jax.nn.elu,
    "selu": jax.nn.selu,
    "gelu": jax.nn.gelu,
    "silu": jax.nn.silu,
    "softplus": jax.nn.softplus,
    "softsign": jax.nn.soft_sign,
    "sin": jnp.sin,
}
"""Every name that a cell's `activation` may have."""


def activation(name: str) -> Callable[[jax.Array], jax.Array]:
    """Returns the elementwise function of that name.

    Raises:
      ValueError: the name is not in `ACTIVATIONS`.
    """
    try:
        return ACTIVATIONS[name]
    except (KeyError, TypeError):
        known = sorted(ACTIVATIONS)
        raise ValueError(
            f"activation must be one of {', '.join(known)}, got {name!r}.{did_you_mean(name, known)}"
        ) from None
