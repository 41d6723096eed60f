"""Draws the error of a single recurrent unit and the wall in it (Pascanu, Mikolov & Bengio 2013, figures 3 and 6).

Claim:    see the header of the config.
Command:  python -m experiments.reproduce.error_wall --workdir=runs/error_wall
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.special

from experiments.common.config import require
from experiments.common.report import Table
from experiments.reproduce.small_study import Report, SmallStudy

TARGET, START = 0.7, 0.5
WEIGHTS, BIASES = (4.0, 7.0), (-3.2, -1.8)


@dataclasses.dataclass(frozen=True)
class Wall:
    """What to compute.

    Attributes:
      steps: of the unit, 50 in the paper.
      points: of the grid, along the weight.
      learning_rate: of the two descents that are drawn.
      threshold: the norm that one of them clips gradients to.
      start_weight: where both begin.
      start_bias: likewise.
      updates: of each.
    """

    steps: int
    points: int
    learning_rate: float
    threshold: float
    start_weight: float
    start_bias: float
    updates: int

    def __post_init__(self):
        for field in ("steps", "updates"):
            require(getattr(self, field) >= 1, field, getattr(self, field), "at least 1")
        require(self.points >= 2, "points", self.points, "at least 2")
        for field in ("learning_rate", "threshold"):
            require(getattr(self, field) > 0, field, getattr(self, field), "above 0")


class Surface(NamedTuple):
    """The error and its gradient, of the shape of the weights and biases that they were asked for."""

    error: np.ndarray
    by_weight: np.ndarray
    by_bias: np.ndarray

    @property
    def norm(self) -> np.ndarray:
        """Norm of the gradient."""
        return np.hypot(self.by_weight, self.by_bias)


def error(weight: np.ndarray, bias: np.ndarray, steps: int) -> Surface:
    """Returns (sigmoid(x_T) - 0.7)^2 of x_t = w sigmoid(x_{t-1}) + b from x_0 = 0.5, with its gradient.

    The derivatives are carried forwards, beside the state.
    """
    weight, bias = np.broadcast_arrays(np.asarray(weight, float), np.asarray(bias, float))
    x, by_weight, by_bias = np.full(weight.shape, START), np.zeros(weight.shape), np.zeros(weight.shape)
    for _ in range(steps):
        s = scipy.special.expit(x)
        slope = weight * s * (1 - s)
        x, by_weight, by_bias = weight * s + bias, s + slope * by_weight, 1 + slope * by_bias
    s = scipy.special.expit(x)
    outer = 2 * (s - TARGET) * s * (1 - s)
    return Surface((s - TARGET) ** 2, outer * by_weight, outer * by_bias)


def folds(weight: float) -> tuple[float, float]:
    """Returns the biases between which the unit of that weight has two stable states; weight above 4.

    There w sigmoid'(x) = 1 at a fixed point x = w sigmoid(x) + b.
    """
    # sigmoid(x) = s with w s (1 - s) = 1.
    root = (1 - 4 / weight) ** 0.5
    shares = np.array([(1 + root) / 2, (1 - root) / 2])
    first, second = scipy.special.logit(shares) - weight * shares
    return float(first), float(second)


def descend(config: Wall, clip: bool) -> np.ndarray:
    """Returns the weights and biases of gradient descent, `[updates + 1, 2]`, with clipping by norm or without."""
    at = np.array([config.start_weight, config.start_bias])
    path = [at]
    for _ in range(config.updates):
        surface = error(at[0], at[1], config.steps)
        gradient = np.array([surface.by_weight, surface.by_bias])
        if clip:
            gradient *= min(1.0, config.threshold / max(float(surface.norm), 1e-300))
        at = at - config.learning_rate * gradient
        path.append(at)
    return np.array(path)


def report(config: Wall) -> Report:
    """Computes the surface, its folds, and the two descents."""
    from experiments.reproduce.figures import error_wall as figure  # Matplotlib takes its time

    weights = np.linspace(*WEIGHTS, config.points)
    biases = np.linspace(*BIASES, round((config.points - 1) * 280 / 300) + 1)
    surface = error(weights[:, None], biases, config.steps)
    plain, clipped = descend(config, clip=False), descend(config, clip=True)
    ends = [float(error(path[-1, 0], path[-1, 1], config.steps).error) for path in (plain, clipped)]
    n, m = np.unravel_index(surface.norm.argmax(), surface.norm.shape)
    rows = [
        ("greatest norm of the gradient", f"{surface.norm.max():.0f} at w = {weights[n]:.2f}, b = {biases[m]:.3f}"),
        ("median norm of the gradient", f"{np.median(surface.norm):.3f}"),
        ("folds at w = 5", " and ".join(f"b = {b:.6f}" for b in folds(5.0))),
        ("longest step of plain descent", f"{_longest(plain):,.1f}"),
        ("longest step with clipping", f"{_longest(clipped):.3g}"),
        (f"error after {config.updates} steps of plain descent", f"{ends[0]:.2g}"),
        (f"error after {config.updates} steps with clipping", f"{ends[1]:.2g}"),
    ]
    return Report(
        title="The wall in the error of one recurrent unit",
        lead="Pascanu, Mikolov & Bengio (2013), figures 3 and 6: where the unit's state jumps from one fixed point to "
        "another, the error has a wall, and a step of gradient descent at its foot is thrown far away. Clipped to a "
        "norm, it stays near.",
        findings=findings(surface, plain, clipped, ends),
        tables=[Table("The surface", ("what", "value"), rows,
                      f"Grid of {len(weights)} by {len(biases)}, {config.steps} steps.")],
        drawings=[figure.draw(weights, biases, surface, plain, clipped, config)],
        results={},
    )  # fmt: skip


def findings(surface: Surface, plain: np.ndarray, clipped: np.ndarray, ends: Sequence[float]) -> list[str]:
    """Returns how steep the wall is, and whether the descents differ at it.

    Args:
      surface: the grid.
      plain: path of plain descent.
      clipped: path of descent with clipping.
      ends: the errors at the ends of the two.
    """
    ratio = surface.norm.max() / np.median(surface.norm)
    sentences = [f"The steepest point has {ratio:,.0f} times the gradient of a median one."]
    longest, kept = _longest(plain), _longest(clipped)
    if longest > 10 * kept:
        where = "" if _inside(plain) else ", out of the figure"
        sentences.append(
            f"At the wall plain descent takes a step of length {longest:,.1f}{where}, and ends at an error of "
            f"{ends[0]:.2g}. Clipped descent crosses the wall in short steps, and ends at {ends[1]:.2g}."
        )
    return sentences


def _longest(path: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(path, axis=0), axis=1).max())


def _inside(path: np.ndarray) -> bool:
    (low, high), (least, most) = WEIGHTS, BIASES
    return bool(((path >= (low, least)) & (path <= (high, most))).all())


STUDY = SmallStudy(Wall, report, "configs/reproduce/error_wall.py")

if __name__ == "__main__":
    STUDY.run(__doc__ or "")
