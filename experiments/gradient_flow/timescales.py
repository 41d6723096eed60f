"""In how many steps the gradient norm falls to 1/e: fitted to curves of log norms, and said in a few characters."""

import math

import numpy as np
from jaxtyping import Float

from experiments.common.bands import band
from recurrax.gradflow.timescale import Timescale, fit_timescale


def fit_timescales(logs: Float[np.ndarray, "K+1 S B"]) -> tuple[Timescale, Timescale | None]:
    """Fits the decay of log norms with distance: at first, and in its second half where that is not all the same.

    Errors are those over seeds, or from the scatter along the curve where there is a single seed.
    """
    axis = 1
    if logs.shape[1] == 1:
        logs, axis = band(logs).typical[:, None, None], None
    distance, half = np.arange(len(logs)), len(logs) // 2
    first, late = (
        fit_timescale(distance[begin:], logs[begin:], independent_axis=axis)  # pyright: ignore[reportArgumentType]
        for begin in (0, half)
    )
    changes = abs(late.rate - first.rate) > 2 * math.hypot(first.rate_error, late.rate_error)
    return first, late if first.shape == "partly" and first.last_distance <= half and changes else None


def timescale_text(fits: tuple[Timescale, Timescale | None]) -> str:
    """Says what `fit_timescales` found, with errors."""
    first, late = fits
    if first.shape != "partly":
        return _of_one(first)
    text = f"{_of_one(first)} (k ≤ {first.last_distance:.0f})"
    if late is None:
        return text
    where = f"({late.first_distance:.0f} ≤ k ≤ {late.last_distance:.0f})"
    return f"{text}, {_of_one(late).removeprefix('τ = ')} {where}"


def _of_one(fit: Timescale) -> str:
    if not math.isfinite(fit.rate):
        return "no fit"
    if abs(fit.rate) <= 2 * fit.rate_error:
        return "flat within error"
    if abs(fit.rate) < 1e-5:
        return "flat to 10⁻⁵ per step"
    digits = 1 if fit.timescale_error < 10 else 0
    error = f" ± {max(fit.timescale_error, 0.1):.{digits}f}" if fit.timescale_error > 0 else ""
    sign = "τ =" if fit.rate < 0 else "grows, τ ="
    return f"{sign} {abs(fit.timescale):.{digits}f}{error}"
