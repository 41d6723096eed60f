"""The forget bias: what it adds to drawn biases, and what it is where a cell has none to put it in."""

from typing import Any

import jax
import jax.numpy as jnp

from recurrax._util import checks
from recurrax.initializers import Chrono, Ramp


class DefaultForgetBias(float):
    """A forget bias that nobody asked for: it gives way where a cell has no biases."""


def settled_forget_bias(value: float | Chrono | Ramp, use_bias: bool) -> float | Chrono | Ramp:
    """Returns the forget bias of a cell, which is 0 for a default where there are no biases.

    Raises:
      TypeError, ValueError: `value` is no finite number, `Chrono` or `Ramp`, or asks for what has no bias to be in.
    """
    if not isinstance(value, (Chrono, Ramp)):
        checks.finite("forget_bias", value)
    if use_bias or value == 0:
        return value
    if isinstance(value, DefaultForgetBias):
        return 0.0
    raise ValueError(f"forget_bias must be 0 where use_bias is False, got {value!r}; leave it out.")


def settle_forget_bias(cell: Any) -> None:
    """Puts the forget bias of a frozen cell in its place, in `__post_init__`; raises as `settled_forget_bias` does."""
    # A ramp that is the default one gives way as well; an equal one was asked for.
    unasked = not cell.use_bias and isinstance(cell.forget_bias, Ramp) and cell.forget_bias is type(cell).forget_bias
    value = 0.0 if unasked else cell.forget_bias
    object.__setattr__(cell, "forget_bias", settled_forget_bias(value, cell.use_bias))


def memory_biases(
    forget_bias: float | Chrono | Ramp, key: jax.Array, hidden_size: int, dtype: Any = float
) -> tuple[jax.Array, jax.Array]:
    """Returns what a cell adds to the biases of its forget gate and of its input gate, each `[H]`.

    Args:
      forget_bias: a number for all units or a `Ramp` over them (the input gate then gets 0), or `Chrono`.
      key: source of randomness, which only `Chrono` needs.
      hidden_size: H.
      dtype: dtype of both results.
    """
    if isinstance(forget_bias, Ramp):
        return forget_bias.values(hidden_size, dtype), jnp.zeros(hidden_size, dtype)
    if not isinstance(forget_bias, Chrono):
        return jnp.full(hidden_size, forget_bias, dtype), jnp.zeros(hidden_size, dtype)
    log_time = jnp.log(jax.random.uniform(key, (hidden_size,), dtype, forget_bias.t_min, forget_bias.t_max))
    return log_time, -log_time
