"""What the numbers say of what carries the gradient, and of costs: sentences, silent where the numbers do not tell."""

import math
from collections.abc import Iterator

import numpy as np

from experiments.common.prose import power, with_unit
from experiments.gradient_flow.results import CellResults, StudyResults, snapshot_title

PARTED = 2 * math.log(10)
"""Nats by which the best direction and the gradient have to part in every seed: two decades."""
LITTLE = math.log(0.01)
"""Of what the largest step adds to the gradient of a weight."""
FEW = 8
"""Cells that a sentence names one by one."""


def sentences(results: StudyResults) -> Iterator[str]:
    """Yields findings."""
    for of_cell in (of_paths, of_alignment, of_weights):
        for cell in results.cells:
            yield from of_cell(cell)
    yield from of_costs(results)


def of_paths(cell: CellResults) -> Iterator[str]:
    """Says how large the parts are that stay in a field and that change between fields; of one field, nothing."""
    p = cell.ends[-1]
    k = _farthest(cell, "log_norm/joint", p) // 2
    whole = _at(cell, "log_norm/joint", p, k)
    if len(cell.fields) == 1 or not np.isfinite(whole).any():
        return
    names = {f"that stay in {field}": f"log_norm/path/{field}" for field in cell.fields}
    names |= {"that change between them": "log_norm/path_rest"}
    parts = {text: float(np.median(_per_seed(_at(cell, name, p, k) - whole))) for text, name in names.items()}
    if not all(math.isfinite(part) or part == -math.inf for part in parts.values()):
        return
    listed = ", ".join(f"on paths {text} {power(part)}" for text, part in parts.items())
    cancel = ", and here they cancel in part" if max(parts.values()) > 0.05 else ""
    yield (
        f"{_when(cell, p)}, {k} steps back in the {cell.label}, of the norm of the gradient there is {listed}. The "
        f"parts add up to the gradient, their norms do not{cancel}."
    )


def of_alignment(cell: CellResults) -> Iterator[str]:
    """Says by how much the gradient falls short of the best direction; nothing unless by decades in every seed."""
    if "alignment/gain" not in cell.arrays:
        return
    index, p = len(cell.ends) - 1, cell.ends[-1]
    k = _farthest(cell, "alignment/gain", index) // 2
    gain, best, random = (_at(cell, f"alignment/{name}", index, k) for name in ("gain", "largest_gain", "random_gain"))
    short = _per_seed(best - gain)
    if not (np.isfinite(short).all() and (short > PARTED).all()):
        return
    gain, best, random = (float(np.median(_per_seed(values))) for values in (gain, best, random))
    yield (
        f"{_when(cell, p)}, {k} steps back, the loss does not see the slow directions of the {cell.label}: in the best "
        f"direction {power(best)} of a gradient would be left, in a random one {power(random)}, and of the gradient of "
        f"the loss there is {power(gain)}, {power(float(np.median(short)))} times less than in the best. So the state "
        "keeps something of its past that the loss cannot ask for."
    )


def of_weights(cell: CellResults) -> Iterator[str]:
    """Says how far back the steps lie that add to the gradient of the weights; nothing where all of them do."""
    index, p = len(cell.ends) - 1, cell.ends[-1]
    far = []
    for name in cell.group("log_norm_weight"):
        parts = cell.arrays[f"log_norm_weight/{name}"][index][:, ::-1]  # [S, K, B]
        if np.isnan(parts).any():
            return
        with np.errstate(invalid="ignore"):
            share = _per_seed(np.moveaxis(parts - parts.max(1, keepdims=True), 1, 0))  # [K, S]
        far.append(int(np.max(np.nonzero((share > LITTLE).any(1))[0], initial=0)))
    steps = cell.arrays["log_norm/joint"].shape[2] - 1
    if far and max(far) < steps - 1:
        yield (
            f"{_when(cell, p)}, no step more than {max(far)} back adds as much as a hundredth of what the step that "
            f"matters most adds to the gradient of any weight of the {cell.label}: beyond, training hears next to "
            "nothing."
        )


def of_costs(results: StudyResults) -> Iterator[str]:
    """Says how many times longer cells take than the fastest, of those alone whose intervals lie apart."""
    costs = results.costs
    kinds: dict[tuple, int] = {}  # cells that run the same program were measured once
    for n in range(len(results.cells)):
        kinds.setdefault(tuple(costs[name][n] for name in ("parameters", "forward_ms", "gradient_ms")), n)
    for name, words in (("forward_ms", "a forward pass"), ("gradient_ms", "a gradient")):
        middle, low, high = (costs[f"{name}{end}"] for end in ("", "/low", "/high"))
        fastest = min(kinds.values(), key=lambda n: middle[n])
        slower = sorted((n for n in kinds.values() if low[n] > high[fastest]), key=lambda n: middle[n])
        if not slower:
            continue
        named = slower if len(slower) <= FEW else slower[-1:]
        ratios = [
            f"in the {results.cells[n].label} {middle[n] / middle[fastest]:.2g} times as long "
            f"({low[n] / high[fastest]:.2g} to {high[n] / low[fastest]:.2g})"
            for n in named
        ]
        most = "" if named == slower else f" {len(slower)} cells take longer, the slowest of them:"
        time = with_unit(f"{middle[fastest]:.2g}", "ms")
        yield (
            f"Here {words} takes {time} in the {results.cells[fastest].label}, the fastest;{most} "
            f"{', '.join(ratios)}. In brackets, what the 95 % intervals of both leave open."
        )


def _when(cell: CellResults, snapshot: int) -> str:
    return snapshot_title(cell.snapshots[snapshot])


def _farthest(cell: CellResults, name: str, index: int) -> int:
    return cell.arrays[name][index].shape[1] - 1


def _at(cell: CellResults, name: str, index: int, k: int) -> np.ndarray:
    """Returns log norms `[S, B]` at distance k."""
    return cell.arrays[name][index][:, -1 - k]


def _per_seed(values: np.ndarray) -> np.ndarray:
    """Returns the median over the sequences of each seed, the last axis; NaN where one of them is."""
    return np.median(values, axis=-1)
