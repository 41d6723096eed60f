"""Exponential gates beside a state that is kept in units of its own, as both cells of xLSTM have them."""

from typing import Any

import jax
import jax.numpy as jnp


def no_memory(shape: tuple[int, ...], dtype: Any) -> jax.Array:
    """Returns m_0, `shape`: the smallest number, for "nothing is stored", beside which no gate is small.

    With m_0 = 0 an input gate that is nearly closed would write what underflows, and so would the sum of all gates that
    the output is divided by.
    """
    return jnp.full(shape, jnp.finfo(dtype).min, dtype)


def gates_in_units(a_i: jax.Array, log_f: jax.Array, m: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns the gates exp(a_i) and f in units that keep both at most 1, and the unit.

        m_t = max(log f + m_{t-1}, a_i)     i = exp(a_i - m_t)     f = exp(log f + m_{t-1} - m_t)

    (Beck et al. 2024). One of the two is 1. What lies outside the range of floats is brought to its
    ends: the difference of two infinities is no number.

    Args:
      a_i: pre-activation of the input gate.
      log_f: logarithm of the forget gate.
      m: m_{t-1}.

    Returns:
      i, f and m_t.
    """
    limit = jnp.finfo(m.dtype).max
    written, kept = (jnp.clip(a, -limit, limit) for a in (a_i, log_f + m))
    unit = jnp.maximum(kept, written)
    return jnp.exp(written - unit), jnp.exp(kept - unit), unit
