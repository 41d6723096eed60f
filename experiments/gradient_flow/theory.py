"""The theory that applies to a cell at initialisation, to be drawn over what was measured."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from experiments.common.bands import relative
from experiments.gradient_flow import measure
from experiments.gradient_flow.language_model import Model
from experiments.gradient_flow.sources import Source
from recurrax import RNN, Cell
from recurrax.gradflow import theory
from recurrax.gradflow.trajectory import Trajectory


def predicted(
    cell: Cell, source: Source, models: Model, xs: Float[Array, "T B D"], targets: Any
) -> dict[str, np.ndarray]:
    """Predicts how the gradient norm changes with distance.

    Returns:
      `log_ratio` `[S, T+1]`, the log norm at distance k over that at 0, and `text`, what the prediction is. For a cell
      that has a forget gate also `log_carousel` `[S, T+1]`, the part that goes through that gate alone.
    """
    distance = np.arange(len(xs) + 1)
    # The theory is of this very step; a subclass may have another one.
    if isinstance(cell, RNN) and type(cell).step is RNN.step and cell.activation == "tanh":
        return {"log_ratio": _mean_field(models, xs) * distance, "text": np.array(MEAN_FIELD_TEXT)}
    at_rest = measure.trajectories(cell, models, jnp.zeros_like(xs))
    norms = measure.log_norms(source, models, at_rest, targets)["log_norm/joint"].mean(-1)  # over sequences
    result = {"log_ratio": relative(norms[:, ::-1]), "text": np.array(AT_REST_TEXT)}
    retention = _retention(at_rest)
    if retention is not None:
        powers = 2 * distance[:, None] * np.log(retention)[:, None, :]
        result["log_carousel"] = 0.5 * np.log(np.exp(powers).mean(-1))
    return result


MEAN_FIELD_TEXT = (
    "Dotted, RNN: mean-field theory of a random tanh network (Chen et al. 2018), (k/2) ln χ with the variances "
    "measured in the weights and in the projected inputs."
)
AT_REST_TEXT = "Dotted, other cells: the same gradient in a run without any input."


def _mean_field(models: Model, xs: jax.Array) -> np.ndarray:
    """Returns the mean-field rate of each seed, nats per step `[S, 1]`."""
    w_x, w_h = (np.asarray(w, np.float64) for w in (models.cell.w_x, models.cell.w_h))
    drive = np.einsum("tbd,sdh->stbh", np.asarray(xs, np.float64), w_x)
    rates = [
        theory.mean_field_tanh(weight_variance=len(w) * np.square(w).mean(), input_variance=np.square(d).mean()).rate
        for w, d in zip(w_h, drive, strict=True)
    ]
    return np.array(rates)[:, None]


def _retention(at_rest: Trajectory) -> np.ndarray | None:
    """Returns what the first step keeps of the old state `[S, H]`; None where no gate says so."""
    gates = measure.first_gates(at_rest)
    retention = None if gates is None else at_rest.cell.retention(gates)
    if retention is None:
        return None
    # All sequences are the same. A cell of several layers or grids gives an axis for them as well.
    return np.asarray(retention[:, 0], np.float64).reshape(len(retention), -1)
