"""Inputs that come at irregular times."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float


class Timed(NamedTuple):
    """An input x_t and the time that has gone by since the one before it, in any unit.

    >>> xs = Timed(x=jnp.ones((20, 4, 3)), time_step=jnp.full((20, 4), 0.5))
    """

    x: Float[Array, "*B D"]
    time_step: Float[Array, "*B"]


def zero_timed(input_size: int) -> Any:
    """Returns an input of zeros after one unit of time, without batch axes."""
    return Timed(x=jnp.zeros(input_size), time_step=jnp.ones(()))
