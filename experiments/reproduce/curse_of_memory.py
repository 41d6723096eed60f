"""Measures how much a linear unit's state changes with its weight, beside the closed form: the curse of memory.

Claim:    see the header of the config.
Command:  python -m experiments.reproduce.curse_of_memory --workdir=runs/curse_of_memory
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.common.config import require, require_seed
from experiments.common.report import Table
from experiments.reproduce.small_study import Report, SmallStudy
from recurrax import from_step, unroll
from recurrax.gradflow import theory


@dataclasses.dataclass(frozen=True)
class Curse:
    """What to measure.

    Attributes:
      weights: lambda, of the unit; each in (0, 1).
      correlations: rho, of the input; each in [0, 1).
      samples: sequences.
      seed: of the inputs.
    """

    weights: tuple[float, ...]
    correlations: tuple[float, ...]
    samples: int
    seed: int

    def __post_init__(self):
        for field in ("weights", "correlations"):
            values = getattr(self, field)
            require(bool(values) and all(0 <= v < 1 for v in values), field, values, "one or more numbers in [0, 1)")
        require(all(w > 0 for w in self.weights), "weights", self.weights, "above 0")
        require(self.samples >= 2, "samples", self.samples, "at least 2")
        require_seed(self.seed)


class Measured(NamedTuple):
    """Mean squares over the samples, with their standard errors."""

    state: float
    state_error: float
    weight: float
    weight_error: float


class UnitCarry(NamedTuple):
    """State of the unit."""

    h: jax.Array


def _step(params: jax.Array, carry: UnitCarry, x: jax.Array) -> tuple[UnitCarry, jax.Array]:
    h = params * carry.h + x
    return UnitCarry(h), h


UNIT = from_step(
    _step,
    lambda params, batch_shape: UnitCarry(jnp.zeros((*batch_shape, 1))),
    output=lambda params, carry: carry.h,
)


def measure(weight: float, correlation: float, samples: int, seed: int) -> Measured:
    """Runs the unit until it has forgotten how it began, and returns mean squares at the last step."""
    # What lies n steps back has the weight lambda^n: 15 e-foldings of its square, and of the input's memory.
    slowest = max(weight, correlation)
    steps = int(np.ceil(-15 / np.log(slowest))) + 10
    noise = jax.random.normal(jax.random.key(seed), (steps, samples, 1))

    def drive(x, e):
        x = correlation * x + (1 - correlation**2) ** 0.5 * e
        return x, x

    _, xs = jax.lax.scan(drive, noise[0], noise)
    run = jax.jit(lambda w: unroll(UNIT, w, xs)[0].h[:, 0])
    h, slope = (np.asarray(a, np.float64) for a in jax.jvp(run, (jnp.asarray(weight),), (jnp.ones(()),)))
    errors = [float(np.std(a**2)) / samples**0.5 for a in (h, slope)]
    return Measured(float(np.mean(h**2)), errors[0], float(np.mean(slope**2)), errors[1])


def report(config: Curse) -> Report:
    """Measures every pair of weight and correlation."""
    from experiments.reproduce.figures import curse_of_memory as figure  # Matplotlib takes its time

    pairs = [(w, c) for c in config.correlations for w in config.weights]
    measured = {pair: measure(*pair, config.samples, config.seed) for pair in pairs}
    worst = max(abs(m.weight - _exact(*pair).weight) / m.weight_error for pair, m in measured.items())
    rows = [
        (f"{w:g}", f"{c:g}", f"{m.state:.4g}", f"{_exact(w, c).state:.4g}",
         f"{m.weight:.4g} ± {m.weight_error:.2g}", f"{_exact(w, c).weight:.4g}")
        for (w, c), m in measured.items()
    ]  # fmt: skip
    header = ("lambda", "rho", "E[h^2] measured", "closed form", "E[(dh/dlambda)^2] measured", "closed form")
    return Report(
        title="The curse of memory",
        lead="The longer a unit remembers, the more its state changes with its weight, also where no gradient "
        "vanishes or explodes (Zucchet & Orvieto 2024).",
        findings=[
            f"All {len(measured)} measured E[(dh/dlambda)^2] lie within {worst:.1f} standard errors of the closed form."
            if worst < 4
            else f"Not reproduced: a measured E[(dh/dlambda)^2] lies {worst:.1f} standard errors off the closed form."
        ],
        tables=[Table("Measured and exact", header, rows, f"{config.samples} sequences; ± standard error.")],
        drawings=[figure.draw(measured, config)],
        results={},
    )


def _exact(weight: float, correlation: float) -> theory.Sensitivity:
    return theory.linear_unit_sensitivity(weight, correlation)


STUDY = SmallStudy(Curse, report, "configs/reproduce/curse_of_memory.py")

if __name__ == "__main__":
    STUDY.run(__doc__ or "")
