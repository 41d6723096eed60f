"""What the numbers of a study say, in sentences made from them; each says only what they exclude the opposite of."""

import itertools
import math
from collections.abc import Iterator

import numpy as np
from scipy import stats

from experiments.common.prose import power
from experiments.gradient_flow import findings_of_carriers
from experiments.gradient_flow.comparisons import changed, larger
from experiments.gradient_flow.results import CellResults, StudyResults, snapshot_title
from experiments.gradient_flow.timescales import is_flat, timescale_text

FLOAT32 = float(np.finfo(np.float32).eps) / 2
"""The relative error of rounding to float32."""


def sentences(results: StudyResults) -> list[str]:
    """Returns findings."""
    broken = [sentence for cell in results.cells for sentence in not_finite(cell)]
    generators = (of_reach, of_order, of_gates, of_time_scales, of_training, of_dips, of_losses, of_chaos)
    generators += (findings_of_carriers.sentences,)
    return [*broken, *itertools.chain.from_iterable(generator(results) for generator in generators)]


def not_finite(cell: CellResults) -> Iterator[str]:
    """Says of every snapshot how many runs or gradients are not finite, and from where on."""
    for p, step in enumerate(cell.snapshots):
        first = cell.arrays["first_not_finite"][p]
        when, broken = snapshot_title(step).lower(), first >= 0
        if broken.any():
            yield (
                f"{cell.label} {when}: {broken.sum()} of {first.size} runs hold inf or NaN, from step "
                f"{first[broken].min()} on in the first; what is measured of them is NaN and left out of the curves."
            )
        gradients = np.isnan(cell.of_sequences("log_norm/joint", p)) & ~broken
        overflowed = gradients.any(0)
        if overflowed.any():
            nearest = gradients.any((1, 2)).argmax()
            yield (
                f"{cell.label} {when}: the gradient of {overflowed.sum()} of {first.size} runs overflows, {nearest} "
                "steps back in the first, though the states are finite; its norms are NaN from there on and left out."
            )


def of_reach(results: StudyResults) -> Iterator[str]:
    """Says for every family what is left of the gradient at the greatest distance, at both ends of the training."""
    seeds = results.config.seeds
    sample = f"median of {seeds} seeds, lowest to highest in brackets" if seeds > 1 else "one seed"
    for p in results.cells[0].ends:
        for family, cells in _families(results).items():
            shares = "; ".join(f"{_short(cell, cells)} {_median_and_range(cell.reach(p))}" for cell in cells)
            yield (
                f"{_when(cells[0], p)}, {_distance(cells)} steps before the loss, this much of the norm at the "
                f"loss is left in the {family} ({sample}): {shares}."
            )


def of_order(results: StudyResults) -> Iterator[str]:
    """Says which start of a family keeps more of the gradient, where seeds exclude the opposite."""
    for p in results.cells[0].ends:
        found = larger({cell.label: cell.reach(p) for cell in results.cells})
        for family, members in _families(results).items():
            ranked = sorted(members, key=lambda cell: -float(np.median(cell.reach(p))))
            pairs = [(a, b) for a, b in itertools.pairwise(ranked) if (a.label, b.label) in found]
            said = [
                f"{_short(a, members)} keeps {power(float(a.reach(p).mean() - b.reach(p).mean()))} times as much as "
                f"{_short(b, members)}"
                for a, b in pairs
            ]
            if said:
                yield (
                    f"{_when(members[0], p)}, starts of the {family} differ by more than their seeds do: "
                    f"{'; '.join(said)} ({_distance(members)} steps back, geometric means over seeds)."
                )


def of_gates(results: StudyResults) -> Iterator[str]:
    """Says what the forget gate alone would leave, as it starts, and sets it beside what was measured."""
    for family, members in _families(results).items():
        said = []
        for cell in members:
            reach = cell.reach(0)
            if "theory/log_carousel" in cell.arrays and np.isfinite(reach).all():
                alone = cell.arrays["theory/log_carousel"].mean(0)
                said.append(
                    f"{_short(cell, members)}: {power(alone[1])} a step, hence {power(alone[-1])} after "
                    f"{len(alone) - 1}, and {power(float(np.median(reach)))} measured"
                )
        if said:
            yield (
                f"Before training, the gates of the {family} alone keep this much of its state without input, beside "
                f"the share of the whole gradient that was measured: {'; '.join(said)}."
            )


def of_time_scales(results: StudyResults) -> Iterator[str]:
    """Says of which cells the norm falls exponentially, how fast, and over which distances."""
    for p in results.cells[0].ends:
        fits = {cell.label: cell.timescale("log_norm/joint", p) for cell in results.cells}
        falling = {label: fit for label, fit in fits.items() if fit is not None and not is_flat(fit) and fit.rate < 0}
        bent = [label for label, fit in fits.items() if fit is None]
        when = _when(results.cells[0], p)
        if falling:
            said = "; ".join(f"{label}: {timescale_text(fit)}" for label, fit in falling.items())
            yield f"{when}, the norm falls exponentially with distance, to 1/e every τ steps. {said}."
        if bent:
            yield f"{when}, no single exponential describes these curves, so that no τ is given: {'; '.join(bent)}."


def of_training(results: StudyResults) -> Iterator[str]:
    """Says what training did to the reach, where seeds exclude that it did nothing."""
    trained = [cell for cell in results.cells if len(cell.ends) == 2]
    with np.errstate(invalid="ignore"):
        found = changed({cell.label: cell.reach(cell.ends[-1]) - cell.reach(0) for cell in trained})
    for cell in trained:
        if cell.label in found:
            change = found[cell.label]
            what = "more" if change > 0 else "less"
            yield (
                f"{cell.label}: after {cell.snapshots[-1]:,} training steps, {power(abs(change))} times {what} of the "
                f"gradient norm is left {cell.longest} steps back than at initialisation (geometric mean over seeds)."
            )


def of_dips(results: StudyResults) -> Iterator[str]:
    """Says where the reach was smaller in between than at both ends of the training: what the ends alone would hide."""
    cells = {cell.label: cell for cell in results.cells if len(cell.snapshots) > 2}
    falls: dict[tuple[str, int, str], np.ndarray] = {}
    for label, cell in cells.items():
        for p in range(1, len(cell.snapshots) - 1):
            with np.errstate(invalid="ignore"):
                falls[label, p, "start"] = cell.reach(0) - cell.reach(p)
                falls[label, p, "end"] = cell.reach(len(cell.snapshots) - 1) - cell.reach(p)
    found = changed(falls)
    for label, cell in cells.items():
        dips = [
            p
            for p in range(1, len(cell.snapshots) - 1)
            if found.get((label, p, "start"), 0) > 0 and found.get((label, p, "end"), 0) > 0
        ]
        if dips:
            lowest = min(dips, key=lambda p: float(np.median(cell.reach(p))))
            yield (
                f"{label}: the reach dips while it learns. At training step {cell.snapshots[lowest]:,} there is "
                f"{power(float(np.median(cell.reach(lowest))))} left {cell.longest} steps back, against "
                f"{power(float(np.median(cell.reach(0))))} at initialisation and "
                f"{power(float(np.median(cell.reach(len(cell.snapshots) - 1))))} at the end."
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
    beaten = [label for label in ranked[1:] if (best, label) in found]
    if beaten:
        said = ", ".join(f"{label} {losses[label].mean():.2f}" for label in beaten)
        yield (
            f"{snapshot_title(results.cells[0].snapshots[-1])}, {best} predicts held-out text best, with "
            f"{losses[best].mean():.2f} bits per byte; worse beyond what seeds explain: {said}."
        )


def of_chaos(results: StudyResults) -> Iterator[str]:
    """Says where the leading exponent is above zero, and how soon a run in float32 then leaves that in float64."""
    for index, p in enumerate(results.cells[0].ends):
        for cell in results.cells:
            exponents = cell.arrays["lyapunov_exponent"][index, :, 0]
            if len(exponents) < 2 or not np.isfinite(exponents).all():
                continue
            error = exponents.std(ddof=1) / math.sqrt(len(exponents))
            low = exponents.mean() - stats.t.ppf(1 - 0.025 / len(results.cells), len(exponents) - 1) * error
            if low <= 0:
                continue
            steps = -math.log(FLOAT32) / exponents.mean()
            yield (
                f"{snapshot_title(cell.snapshots[p])}, {cell.label} is chaotic: its leading exponent is "
                f"{exponents.mean():+.3f} nats per step. A difference of one rounding in float32 grows to the size of "
                f"the state in about {steps:.0f} steps, so that two precisions give two trajectories from there on; "
                f"its exponents are averages along the one in {results.config.measure.dtype}."
            )


def _when(cell: CellResults, p: int) -> str:
    return snapshot_title(cell.snapshots[p])


def _families(results: StudyResults) -> dict[str, list[CellResults]]:
    families: dict[str, list[CellResults]] = {}
    for cell in results.cells:
        families.setdefault(cell.family, []).append(cell)
    return families


def _short(cell: CellResults, cells: list[CellResults]) -> str:
    """Returns what the cell is called among others of its family."""
    return cell.start if len(cells) > 1 else cell.label


def _distance(cells: list[CellResults]) -> str:
    lengths = sorted({cell.longest for cell in cells})
    return str(lengths[0]) if len(lengths) == 1 else f"{lengths[0]} to {lengths[-1]}"


def _median_and_range(logs: np.ndarray) -> str:
    middle = power(float(np.median(logs)))
    return middle if len(logs) == 1 else f"{middle} [{power(float(logs.min()))}, {power(float(logs.max()))}]"
