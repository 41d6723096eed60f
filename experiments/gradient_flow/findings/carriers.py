"""What carries the gradient: paths through the state, directions of it, and the steps that training hears of."""

import math
from collections.abc import Iterator

import numpy as np

from experiments.common.prose import power
from experiments.gradient_flow.findings._words import at_distance, families, listed, per_seed, short, when
from experiments.gradient_flow.results import CellResults, StudyResults

PARTED = 2 * math.log(10)
"""Nats by which the best direction and the gradient have to part in every seed: two decades."""
ABOVE_ONE = 0.05
"""Nats by which a part exceeds the whole where that is told."""
LITTLE = math.log(0.01)
"""Of what the largest step adds to the gradient of a weight."""


def of_weights(results: StudyResults) -> Iterator[str]:
    """Says how far back the steps lie that add to the gradient of the weights, of cells where not all of them do."""
    far = {cell.label: _farthest_heard(cell) for cell in results.cells}
    said = {label: str(k) for label, k in far.items() if k is not None}
    if said:
        yield (
            f"{when(results.cells[0], -1)}, training hears little of what lies farther back than this many steps: no "
            "step beyond adds a hundredth of what the strongest one adds to the gradient of any weight. "
            f"{listed(said)}."
        )


def of_paths(results: StudyResults) -> Iterator[str]:
    """Says how large the parts are that stay in a field and that change between fields; of one field, nothing."""
    for family, members in families(results).items():
        parts = {short(cell, members): found for cell in members if (found := _parts(cell))}
        if parts:
            shares = {
                name: ", ".join(f"{power(log)} {text}" for text, log in found.items()) for name, found in parts.items()
            }
            cancel = any(max(found.values()) > ABOVE_ONE for found in parts.values())
            yield (
                f"{when(members[0], -1)}, {members[0].longest // 2} steps back in the {family}, norm of the part of "
                f"the gradient on each kind of path, over that of the whole: {listed(shares)}. The parts add up to the "
                f"whole, their norms do not{'; where one is larger than 1, parts cancel' if cancel else ''}."
            )


def of_alignment(results: StudyResults) -> Iterator[str]:
    """Says by how much the gradient falls short of the best direction; nothing unless by decades in every seed."""
    for family, members in families(results).items():
        said = {}
        for cell in members:
            if (found := _gains(cell)) is not None:
                gain, best, random = map(power, found)
                said[short(cell, members)] = f"{best}, {random} and {gain}"
        if said:
            cell = members[0]
            yield (
                f"{when(cell, -1)}, the state of the {family} keeps something of its past that the loss does not ask "
                f"for. Left {cell.longest // 2} steps back of a gradient in the best direction, of one in a random "
                f"direction, and of that of the loss: {listed(said)}."
            )


def _farthest_heard(cell: CellResults) -> int | None:
    """Returns the greatest distance of a step that adds to any weight; None where the farthest does, or one is NaN."""
    far = []
    for name in cell.group("log_norm_weight"):
        parts = cell.arrays[f"log_norm_weight/{name}"][-1][:, ::-1]  # [S, K, B]
        if np.isnan(parts).any():
            return None
        with np.errstate(invalid="ignore"):
            share = per_seed(np.moveaxis(parts - parts.max(1, keepdims=True), 1, 0))  # [K, S]
        far.append(int(np.max(np.nonzero((share > LITTLE).any(1))[0], initial=0)))
    return max(far) if far and max(far) < cell.longest - 1 else None


def _parts(cell: CellResults) -> dict[str, float]:
    """Returns the log of each part over the whole, by its path; none where there is one path, or no gradient."""
    k = cell.longest // 2
    whole = at_distance(cell, "log_norm/joint", -1, k)
    if len(cell.fields) == 1 or not np.isfinite(whole).any():
        return {}
    names = {"between fields": "log_norm/path_rest"}
    names |= {f"within {field}": f"log_norm/path/{field}" for field in cell.fields}
    with np.errstate(invalid="ignore"):
        parts = {t: float(np.median(per_seed(at_distance(cell, n, -1, k) - whole))) for t, n in names.items()}
    return parts if all(math.isfinite(part) or part == -math.inf for part in parts.values()) else {}


def _gains(cell: CellResults) -> tuple[float, float, float] | None:
    """Returns log gains of the loss, the best and a random direction; None unless the first two are decades apart."""
    if "alignment/gain" not in cell.arrays:
        return None
    gain, best, random = (
        per_seed(at_distance(cell, f"alignment/{name}", -1, cell.longest // 2))
        for name in ("gain", "largest_gain", "random_gain")
    )
    with np.errstate(invalid="ignore"):
        short_of = best - gain
    if not (np.isfinite(short_of).all() and (short_of > PARTED).all()):
        return None
    return float(np.median(gain)), float(np.median(best)), float(np.median(random))
