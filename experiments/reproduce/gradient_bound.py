"""Measures Jacobian products of a recurrent network beside the bound from its singular values (Pascanu et al. 2013).

Claim:    see the header of the config.
Command:  python -m experiments.reproduce.gradient_bound --workdir=runs/gradient_bound
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import NamedTuple

import jax
import numpy as np

from experiments.common.config import require, require_seed
from experiments.common.prose import power
from experiments.common.report import Table
from experiments.reproduce.small_study import Report, SmallStudy
from recurrax import RNN, gradflow
from recurrax.gradflow import theory
from recurrax.initializers import Gaussian

GREATEST_SLOPES = {"tanh": 1.0, "sigmoid": 0.25}


@dataclasses.dataclass(frozen=True)
class Bound:
    """What to measure.

    Attributes:
      tanh_gains: of the Gaussian recurrent matrix of a tanh network; its spectral radius is about the gain.
      sigmoid_gains: likewise of a sigmoid network.
      hidden_size: units.
      steps: K, the greatest distance.
      seeds: networks.
      seed: of the first.
    """

    tanh_gains: tuple[float, ...]
    sigmoid_gains: tuple[float, ...]
    hidden_size: int
    steps: int
    seeds: int
    seed: int

    def __post_init__(self):
        for field in ("tanh_gains", "sigmoid_gains"):
            gains = getattr(self, field)
            require(bool(gains) and all(g > 0 for g in gains), field, gains, "one or more, above 0")
        for field in ("hidden_size", "steps", "seeds"):
            require(getattr(self, field) >= 1, field, getattr(self, field), "at least 1")
        require_seed(self.seed, self.seeds)


class Network(NamedTuple):
    """Networks of one activation and gain."""

    log_norms: np.ndarray
    """ln of the largest singular value of dh_T / dh_{T-k}, `[seeds, K + 1]`, nats."""
    log_bounds: np.ndarray
    """k ln(gamma sigma_1), likewise."""
    factors: np.ndarray
    """gamma sigma_1, `[seeds]`."""


def measure(activation: str, gain: float, config: Bound) -> Network:
    """Runs networks under Gaussian input of variance 1/4, from a state that has forgotten how it began."""
    cell = RNN(config.hidden_size, activation=activation, recurrent_init=Gaussian(gain), use_bias=False)
    settle = 50

    @jax.jit
    def log_singular_values(key):
        params = cell.init(key, config.hidden_size)
        # Each unit has an input of its own.
        params = params._replace(w_x=0.5 * jax.numpy.eye(config.hidden_size))
        xs = jax.random.normal(jax.random.fold_in(key, 1), (settle + config.steps, config.hidden_size))
        path = gradflow.trajectory(cell, params, xs)
        products = gradflow.jacobian_products(path)
        return params.w_h, products.log_singular_values[::-1, 0][: config.steps + 1]

    with jax.enable_x64(True):
        runs = [log_singular_values(jax.random.key(config.seed + n)) for n in range(config.seeds)]
    matrices, norms = (np.stack([np.asarray(a) for a in part]) for part in zip(*runs, strict=True))
    bound = functools.partial(theory.jacobian_log_norm_bound, greatest_slope=GREATEST_SLOPES[activation])
    bounds = np.stack([bound(matrix, np.arange(config.steps + 1)) for matrix in matrices])
    return Network(norms, bounds, np.exp(np.array([bound(matrix, 1) for matrix in matrices])))


def report(config: Bound) -> Report:
    """Measures every activation and gain."""
    from experiments.reproduce.figures import gradient_bound as figure  # Matplotlib takes its time

    gains = {"tanh": config.tanh_gains, "sigmoid": config.sigmoid_gains}
    measured = {
        (activation, gain): measure(activation, gain, config) for activation in gains for gain in gains[activation]
    }
    rows = [
        (activation, f"{gain:g}", f"{np.median(m.factors):.2f}", power(float(np.median(m.log_bounds[:, -1]))),
         power(float(np.median(m.log_norms[:, -1]))))
        for (activation, gain), m in measured.items()
    ]  # fmt: skip
    return Report(
        title="The bound from singular values, and how loose it is",
        lead="Pascanu, Mikolov & Bengio (2013), equations 6 and 7: a gradient cannot grow by more than γσ₁ a step, the "
        "greatest slope of the nonlinearity times the greatest singular value of the recurrent matrix. Where "
        "γσ₁ < 1 it vanishes; where γσ₁ > 1 the bound says nothing.",
        findings=findings(measured, config.steps),
        tables=[Table(f"After {config.steps} steps", ("network", "gain", "γσ₁", "bound", "norm of the product"), rows,
                      f"Medians of {config.seeds} random networks of {config.hidden_size} units.")],
        drawings=[figure.draw(measured, config)],
        results={},
    )  # fmt: skip


def findings(measured: Mapping[tuple[str, float], Network], steps: int) -> list[str]:
    """Returns whether the bound held, how far the products lie below, and where they vanish in spite of it."""
    products = sum(m.log_norms[:, 1:].size for m in measured.values())
    broken = sum(int(np.sum(m.log_norms > m.log_bounds + 1e-9 * steps)) for m in measured.values())
    sentences = [
        f"No norm of the {products} products exceeds its bound."
        if not broken
        else f"{broken} of {products} products exceed their bound: not reproduced."
    ]
    gaps = {key: float(np.median(m.log_bounds[:, -1] - m.log_norms[:, -1])) for key, m in measured.items()}
    least, most = min(gaps, key=lambda key: gaps[key]), max(gaps, key=lambda key: gaps[key])
    sentences.append(
        f"After {steps} steps the bound is too large by a factor of {power(gaps[least])} ({_name(least)}) to "
        f"{power(gaps[most])} ({_name(most)}), in the median."
    )
    silent = [key for key, m in measured.items() if m.factors.min() > 1 and m.log_norms[:, -1].max() < -np.log(10)]
    if silent:
        sentences.append(
            "γσ₁ is above 1 and all gradients fall to less than a tenth all the same for "
            f"{'; '.join(_name(key) for key in silent)}. So γσ₁ < 1 is sufficient for vanishing, and not necessary."
        )
    return sentences


def _name(key: tuple[str, float]) -> str:
    return f"{key[0]}, gain {key[1]:g}"


STUDY = SmallStudy(Bound, report, "configs/reproduce/gradient_bound.py")

if __name__ == "__main__":
    STUDY.run(__doc__ or "")
