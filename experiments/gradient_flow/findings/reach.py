"""How far the gradient reaches, which starts keep more of it, and what training does to that."""

import itertools
from collections.abc import Iterator

import numpy as np

from experiments.common.prose import power
from experiments.gradient_flow.findings._words import distance, families, listed, short, then, when
from experiments.gradient_flow.findings.comparisons import changed, larger
from experiments.gradient_flow.results import StudyResults


def of_reach(results: StudyResults) -> Iterator[str]:
    """Says what is left of the gradient at the greatest distance, at both ends of the training.

    A sentence for every family, and one for all together in a study of too many.
    """
    seeds = results.config.seeds
    sample = f"median of {seeds} seeds" if seeds > 1 else "one seed"
    ends, first = results.cells[0].ends, results.cells[0]
    times = " and ".join(then(first, p) for p in ends)
    groups = families(results)
    for family, cells in groups.items():
        said = {short(cell, cells): " and ".join(_median(cell.reach(p)) for p in ends) for cell in cells}
        yield (
            f"{family}: {distance(cells)} steps before the loss, {times}, this much of the gradient norm is left "
            f"({sample}): {listed(said)}."
        )
    if not groups:
        ranked = sorted(results.cells, key=lambda cell: -float(np.nan_to_num(np.median(cell.reach(0)), nan=-np.inf)))
        yield (
            f"{when(first, 0)}, {distance(ranked)} steps before the loss, this much of the gradient norm is left "
            f"({sample}), most first: {listed({cell.label: _median(cell.reach(0)) for cell in ranked})}."
        )


def of_starts(results: StudyResults) -> Iterator[str]:
    """Says what one step keeps of a change of the state before training, from the weights and as measured."""
    for family, members in families(results).items():
        said = {}
        for cell in members:
            exponents = cell.arrays["lyapunov_exponent"][0, :, 0]
            if "theory/step_radius" in cell.arrays and np.isfinite(exponents).all():
                radius, measured = cell.arrays["theory/step_radius"].mean(), np.exp(exponents.mean())
                alone = cell.arrays.get("theory/log_carousel")
                gates = "" if alone is None else f", of which its gates alone {np.exp(alone.mean(0)[1]):.2g}"
                said[short(cell, members)] = f"{radius:.2g}{gates}; measured {measured:.2g}"
        if said:
            yield (
                f"Why starts of the {family} differ: before training and without input, one step keeps at most this "
                "share of a change of the state (spectral radius of its Jacobian), and on text this one on average (e "
                f"to the leading Lyapunov exponent). {listed(said, '. ')}."
            )


def of_order(results: StudyResults) -> Iterator[str]:
    """Says which start of a family keeps more of the gradient, where seeds exclude the opposite."""
    for p in results.cells[0].ends:
        found = larger({cell.label: cell.reach(p) for cell in results.cells})
        said = {
            a.label: f"{power(float(a.reach(p).mean() - b.reach(p).mean()))} times as much as {b.start}"
            for members in families(results).values()
            for a, b in itertools.pairwise(sorted(members, key=lambda cell: -float(np.median(cell.reach(p)))))
            if (a.label, b.label) in found
        }
        if said:
            yield (
                f"{when(results.cells[0], p)}, {distance(results.cells)} steps back, these starts keep more than "
                f"others of their family, beyond what chance explains (geometric means over seeds): {listed(said)}."
            )


def of_training(results: StudyResults) -> Iterator[str]:
    """Says what training did to the reach, where seeds exclude that it did nothing."""
    trained = [cell for cell in results.cells if len(cell.ends) == 2]
    with np.errstate(invalid="ignore"):
        found = changed({cell.label: cell.reach(cell.ends[-1]) - cell.reach(0) for cell in trained})
    said = {
        label: f"{power(abs(change))} times {'more' if change > 0 else 'less'}"
        for label, change in sorted(found.items(), key=lambda item: item[1])
    }
    if said:
        yield (
            f"{trained[0].snapshots[-1]:,} training steps changed what is left {distance(trained)} steps back by more "
            f"than chance explains (geometric means over seeds): {listed(said)}."
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
    said = {}
    for label, cell in cells.items():
        dips = [
            p
            for p in range(1, len(cell.snapshots) - 1)
            if found.get((label, p, "start"), 0) > 0 and found.get((label, p, "end"), 0) > 0
        ]
        if dips:
            lowest = min(dips, key=lambda p: float(np.median(cell.reach(p))))
            said[label] = f"{_median(cell.reach(lowest))} at training step {cell.snapshots[lowest]:,}"
    if said:
        first = results.cells[0]
        yield (
            f"While these cells learn, less is left {distance(list(cells.values()))} steps back than {then(first, 0)} "
            f"and at the end, by more than chance explains: {listed(said)}."
        )


def _median(logs: np.ndarray) -> str:
    return power(float(np.median(logs)))
