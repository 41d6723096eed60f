"""The forget gate that stands still: the constant error carousel."""

from typing import Any, NamedTuple

import numpy as np
import scipy  # whose parts are imported where they are used: they take longer than all of recurrax
from jaxtyping import Array, Float

from recurrax.gradflow.theory._checks import finite_array


class ForgetGate(NamedTuple):
    """How long a unit remembers whose forget gate stands still."""

    retention: Float[Array, "..."]
    """f = sigmoid(b), the share of the state that one step keeps."""
    rate: Float[Array, "..."]
    """ln f, nats per step."""
    timescale: Float[Array, "..."]
    """-1 / ln f, the steps in which the gradient falls to 1/e."""
    memory_time: Float[Array, "..."]
    """1 / (1 - f), steps; the mean age of what the state holds: about half a step more than `timescale`."""


def forget_gate(bias: Any) -> ForgetGate:
    """Returns the time scales of a forget gate that only its bias sets (Gers et al. 2000).

        f = sigmoid(b)      c_t = f c_{t-1} + ...      dc_T / dc_0 = f^T

    Exact for an LSTM without weights. The update gate of a GRU keeps 1 - z = sigmoid(-b_z): give it -b_z.

    >>> forget_gate(1.0).timescale.round(3)
    np.float64(3.192)

    Args:
      bias: b, dimensionless, any shape. Large values of either sign lose no digits.

    Returns:
      Four arrays of the shape of `bias`; times are inf where f rounds to 1 beyond what float64 can tell.

    Raises:
      TypeError, ValueError: `bias` is not numeric, or not finite.
    """
    bias = finite_array("bias", bias)
    rate = -np.logaddexp(0.0, -bias)
    with np.errstate(divide="ignore", over="ignore"):
        return ForgetGate(scipy.special.expit(bias), rate, -1.0 / rate, 1.0 + np.exp(bias))


def forget_gate_log_norm(bias: Any, distance: Any) -> Float[np.ndarray, "..."]:
    """Returns ln(dc_T / dc_0) = T ln sigmoid(b), the constant error carousel of a weightless LSTM, in nats.

    Args:
      bias: b, dimensionless.
      distance: T, steps; broadcast against `bias`.

    Raises:
      TypeError, ValueError: an argument is not numeric, or not finite.
    """
    return finite_array("distance", distance) * forget_gate(bias).rate
