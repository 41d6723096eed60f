"""How the runs went: which of them failed, what they learned, whether they are chaotic, and what they cost."""

import math
from collections.abc import Iterator, Mapping

import numpy as np
from scipy import stats

from experiments.common.prose import power, with_unit
from experiments.gradient_flow.findings._words import listed, then, when
from experiments.gradient_flow.findings.comparisons import larger
from experiments.gradient_flow.results import CellResults, StudyResults

FLOAT32 = float(np.finfo(np.float32).eps) / 2
"""The relative error of rounding to float32."""


def of_failures(results: StudyResults) -> Iterator[str]:
    """Says of every cell which runs and gradients are not finite."""
    for cell in results.cells:
        yield from not_finite(cell)


def not_finite(cell: CellResults) -> Iterator[str]:
    """Says of every snapshot how many runs or gradients are not finite, and from where on."""
    for p in range(len(cell.snapshots)):
        first = cell.arrays["first_not_finite"][p]
        broken = first >= 0
        if broken.any():
            yield (
                f"{cell.label} {then(cell, p)}: {broken.sum()} of {first.size} runs hold inf or NaN, from step "
                f"{first[broken].min()} on in the first; what is measured of them is NaN and left out of the curves."
            )
        gradients = np.isnan(cell.of_sequences("log_norm/joint", p)) & ~broken
        overflowed = gradients.any(0)
        if overflowed.any():
            nearest = gradients.any((1, 2)).argmax()
            yield (
                f"{cell.label} {then(cell, p)}: the gradient of {overflowed.sum()} of {first.size} runs overflows, "
                f"{nearest} steps back in the first, though the states are finite; its norms are NaN from there on and "
                "left out."
            )


def of_losses(results: StudyResults) -> Iterator[str]:
    """Says which cells learned more, where seeds exclude the opposite."""
    losses = {
        cell.label: cell.arrays["held_out_loss"][-1] / math.log(2)
        for cell in results.cells
        if "held_out_loss" in cell.arrays and cell.snapshots[-1] > 0
    }
    if not losses:
        return
    ranked = sorted(losses, key=lambda label: losses[label].mean())
    best, found = ranked[0], larger({label: -values for label, values in losses.items()})
    worse, open_ = (
        {n: f"{losses[n].mean():.2f}" for n in ranked[1:] if ((best, n) in found) is k} for k in (True, False)
    )
    if worse:
        yield (
            f"{when(results.cells[0], -1)}, {best} predicts held-out text best, with {losses[best].mean():.2f} bits "
            f"per byte. Worse by more than chance explains: {listed(worse)}."
            + (f" Too few seeds to tell: {listed(open_)}." if open_ else "")
            + _reach_beside(results, best, worse)
        )


def _reach_beside(results: StudyResults, best: str, worse: Mapping[str, str]) -> str:
    """Says that reach is not what decided, where a cell that is worse has more of it, of every seed."""
    reach = {cell.label: cell.reach(-1) for cell in results.cells}
    farther = [label for label in worse if reach[label].min() > reach[best].max()]
    if not farther:
        return ""
    far = max(farther, key=lambda label: float(np.median(reach[label])))
    left = [power(float(np.median(reach[label]))) for label in (far, best)]
    return (
        f" Reach does not decide that here: {far} keeps {left[0]} of its gradient over {results.longest} steps, {best} "
        f"{left[1]}."
    )


def of_chaos(results: StudyResults) -> Iterator[str]:
    """Says where the leading exponent is above zero, and how soon a run in float32 then leaves that in float64."""
    for index, p in enumerate(results.cells[0].ends):
        said = {}
        for cell in results.cells:
            exponents = cell.arrays["lyapunov_exponent"][index, :, 0]
            if len(exponents) < 2 or not np.isfinite(exponents).all():
                continue
            error = exponents.std(ddof=1) / math.sqrt(len(exponents))
            low = exponents.mean() - stats.t.ppf(1 - 0.025 / len(results.cells), len(exponents) - 1) * error
            if low > 0:
                steps = -math.log(FLOAT32) / exponents.mean()
                said[cell.label] = f"{exponents.mean():+.3f} nats per step, about {steps:.0f} steps"
        if said:
            yield (
                f"{when(results.cells[0], p)}, these cells are chaotic. Leading exponent, and the steps in which it "
                f"makes one rounding in float32 as large as the state: {listed(said)}. From there on, two precisions "
                f"give two trajectories; exponents are averages along the one in {results.config.measure.dtype}."
            )


def of_costs(results: StudyResults) -> Iterator[str]:
    """Says how many times longer cells take than the fastest, of those alone whose intervals lie apart."""
    costs, kinds = results.costs, results.programs
    for name, words in (("forward_ms", "a forward pass"), ("gradient_ms", "a gradient")):
        middle, low, high = (costs[f"{name}{end}"] for end in ("", "/low", "/high"))
        fastest = min(kinds.values(), key=lambda n: middle[n])
        said = {
            kind: f"{middle[n] / middle[fastest]:.2g} times as long "
            f"({low[n] / high[fastest]:.2g} to {high[n] / low[fastest]:.2g})"
            for kind, n in sorted(kinds.items(), key=lambda item: middle[item[1]])
            if low[n] > high[fastest]
        }
        if said:
            named = next(kind for kind, n in kinds.items() if n == fastest)
            yield (
                f"Here {words} takes {with_unit(f'{middle[fastest]:.2g}', 'ms')} in the {named}, the fastest; "
                f"{listed(said)}. In brackets, what the 95 % intervals of both leave open."
            )
