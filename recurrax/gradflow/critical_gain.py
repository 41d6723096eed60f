"""The size of recurrent weights at which gradients neither vanish nor explode, by measuring."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from recurrax._util import checks
from recurrax._util.naming import did_you_mean
from recurrax.cell import Cell, Params
from recurrax.gradflow.lyapunov import lyapunov_spectrum
from recurrax.gradflow.trajectory import trajectory

_POINTS, _ROUNDS = 12, 4


def critical_gain(
    cell: Cell, params: Params, xs: Any, *, weight: str = "w_h", low: float = 0.05, high: float = 20.0
) -> float:
    """Returns the factor of a weight at which the leading Lyapunov exponent crosses zero, the edge of chaos.

        lambda_1(g * weight) = 0,  the least such g between `low` and `high`; mean over the batch

    For a wide tanh RNN that is the critical variance of mean-field theory, `theory.critical_weight_variance`; it is
    measured, and so answers for gated cells too (Can, Krishnamurthy & Schwab 2020 have theory for those).

    Args:
      cell: the cell.
      params: its parameters.
      xs: inputs `[T, *B, D]` that drive it; a few hundred steps, since exponents of short runs show how they began.
      weight: name of the parameter, wherever it lies in `params`.
      low: the smallest factor.
      high: the largest.

    Raises:
      TypeError, ValueError: there is no such parameter; the exponent does not cross zero from below in that range.
    """
    checks.positive("low", low)
    checks.positive("high", high)
    if high <= low:
        raise ValueError(f"high must be above low = {low}, got {high}.")
    paths, _ = jax.tree_util.tree_flatten_with_path(params)
    names = sorted({_name(path) for path, _ in paths})
    if weight not in names:
        raise ValueError(
            f"weight must name a parameter of {cell!r}, one of {', '.join(names)}, got {weight!r}."
            f"{did_you_mean(weight, names)}"
        )
    # From the second round on between the two neighbours of the crossing.
    for _ in range(_ROUNDS):
        gains = np.geomspace(low, high, _POINTS)
        exponents = np.asarray(_exponents(cell, weight, params, xs, jnp.asarray(gains)))
        crossings = np.flatnonzero((exponents[:-1] < 0) & (exponents[1:] >= 0))
        if not crossings.size:
            finite = exponents[np.isfinite(exponents)]
            if not finite.size:
                raise ValueError(
                    f"Runs of {cell!r} are not finite for factors of {weight} from {low:g} to {high:g}, so that they "
                    "have no exponent; look for inf or NaN in params and xs."
                )
            raise ValueError(
                f"The leading Lyapunov exponent of {cell!r} does not cross zero for factors of {weight} from {low:g} "
                f"to {high:g}: it is between {finite.min():.3g} and {finite.max():.3g}."
            )
        n = crossings[0]
        low, high = gains[n : n + 2]
    below, above = exponents[n : n + 2]
    return float(low * (high / low) ** (below / (below - above)))


@functools.partial(jax.jit, static_argnums=(0, 1))
def _exponents(cell: Cell, weight: str, params: Params, xs: Any, gains: jax.Array) -> jax.Array:
    def exponent(gain):
        def scaled(path, leaf):
            return leaf * gain.astype(leaf.dtype) if _name(path) == weight else leaf

        path = trajectory(cell, jax.tree_util.tree_map_with_path(scaled, params), xs)
        return lyapunov_spectrum(path, k=1).mean()

    return jax.lax.map(exponent, gains)


def _name(path: tuple) -> str:
    return str(getattr(path[-1], "name", getattr(path[-1], "key", "")))
