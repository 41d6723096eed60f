"""The finished parts of a study, read back as numbers by cell and training step."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from experiments.common.bands import logs_of_ratios, median
from experiments.gradient_flow.config import GradientFlow
from experiments.gradient_flow.measuring import measure
from experiments.gradient_flow.measuring.networks import AT_ENDS, AT_SNAPSHOTS, AT_START, Arrays
from experiments.gradient_flow.timescales import fit_timescale_of
from experiments.gradient_flow.variants import Variant
from recurrax import Cell
from recurrax.gradflow.timescale import Timescale


@dataclasses.dataclass(frozen=True)
class CellResults:
    """One cell's numbers. Axes: P snapshots, S seeds, K + 1 distances, B sequences; norms are natural logs.

    Sequences of one seed share its weights, so that seeds alone are independent: what is said of a seed is the median
    over its sequences, and what is said of a cell is about its seeds.
    """

    variant: Variant
    arrays: Mapping[str, np.ndarray]
    """As `joined` returns them, norms in order of t."""

    @property
    def label(self) -> str:
        """What figures call the cell."""
        return self.variant.label

    @property
    def family(self) -> str:
        """What cells with the same equations have in common."""
        return self.variant.family

    @property
    def start(self) -> str:
        """The label without the family, as it is called beside others of its family."""
        return self.label.removeprefix(self.family).lstrip(", ") or self.label

    @property
    def snapshots(self) -> list[int]:
        """Training steps at which gradient norms were measured."""
        return [int(step) for step in self.arrays["snapshots"]]

    @property
    def ends(self) -> list[int]:
        """Indices of the first and of the last snapshot; one index where they are the same."""
        return sorted({0, len(self.snapshots) - 1})

    @property
    def longest(self) -> int:
        """The greatest distance in steps at which gradients were measured."""
        return self.arrays["log_norm/joint"].shape[2] - 1

    @property
    def fields(self) -> list[str]:
        """Names of the fields of the state."""
        return self.group("log_norm/field")

    def group(self, prefix: str) -> list[str]:
        """Returns the last parts of the names of arrays that stand under `prefix`."""
        return [name.removeprefix(prefix + "/") for name in self.arrays if name.startswith(prefix + "/")]

    def by_distance(self, name: str, snapshot: int) -> Float[np.ndarray, "K+1 S"]:
        """Returns a log norm by distance from the loss, the median over the sequences of every seed."""
        return median(self.of_sequences(name, snapshot))

    def ratio(self, name: str, snapshot: int) -> Float[np.ndarray, "K+1 S"]:
        """Returns the log of a norm over the same norm at the loss, the median over the sequences of every seed."""
        return median(logs_of_ratios(self.of_sequences(name, snapshot)))

    def of_sequences(self, name: str, snapshot: int) -> Float[np.ndarray, "K+1 S B"]:
        """Returns a log norm by distance from the loss."""
        return np.moveaxis(self.arrays[name][snapshot], 1, 0)[::-1]

    def reach(self, snapshot: int) -> Float[np.ndarray, "S"]:
        """Returns the log of what is left of the gradient norm at the greatest distance, for every seed."""
        return self.ratio("log_norm/joint", snapshot)[-1]

    def timescale(self, name: str, snapshot: int) -> Timescale | None:
        """Fits the decay of a log norm with distance; None where it is not exponential."""
        return fit_timescale_of(self.ratio(name, snapshot))


@dataclasses.dataclass(frozen=True)
class StudyResults:
    """What figures, tables and findings are made from."""

    config: GradientFlow
    source: str
    """Name of what drives the cells."""
    input_size: int
    cells: Sequence[CellResults]
    costs: Mapping[str, np.ndarray]
    """As `experiments.gradient_flow.measuring.costs.measure_costs` returns them, an entry per cell."""
    pair_losses: tuple[float, float] | None = None
    """Of the training text and of the held-out one, as `pair_losses` returns them; None without a text."""

    @property
    def longest(self) -> int:
        """The greatest distance in steps of any cell."""
        return max(cell.longest for cell in self.cells)

    @property
    def panels(self) -> dict[str, list[CellResults]]:
        """The cells by the panel they are drawn in: one per family, or one for all where no family has two cells."""
        families: dict[str, list[CellResults]] = {}
        for cell in self.cells:
            families.setdefault(cell.family, []).append(cell)
        return families if max(map(len, families.values())) > 1 else {"": list(self.cells)}

    @property
    def programs(self) -> dict[str, int]:
        """An index into the costs for everything that was measured once, by its name: cells of one program share one.

        Programs are known by their costs, which no two measurements share to the last digit. Several cells of one
        family go by its name, unless the family has several programs.
        """
        members: dict[tuple, list[int]] = {}
        for n in range(len(self.cells)):
            key = tuple(self.costs[name][n] for name in ("parameters", "forward_ms", "gradient_ms"))
            members.setdefault(key, []).append(n)
        owners = Counter(family for rows in members.values() for family in {self.cells[n].family for n in rows})
        found = {}
        for rows in members.values():
            names = {self.cells[n].family for n in rows}
            shared = len(rows) > 1 and len(names) == 1 and owners[next(iter(names))] == 1
            more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
            found[names.pop() if shared else self.cells[rows[0]].label + more] = rows[0]
        return found

    @property
    def sizes(self) -> str:
        """The widths and the lengths of the study, for captions."""
        lengths = sorted({cell.longest for cell in self.cells})
        return f"{self.widths}, T = {', '.join(map(str, lengths))}"

    @property
    def widths(self) -> str:
        """The widths of the study, for captions."""
        widths = sorted({*self.config.axes.hidden_size} or {self.config.hidden_size})
        return f"H = {', '.join(map(str, widths))}"

    @property
    def sample(self) -> str:
        """What a line and its band are, for captions."""
        return lines_and_bands(self.config.seeds, self.config.measure.batch)


def lines_and_bands(seeds: int, sequences: int) -> str:
    """Says what a line and its band are.

    >>> lines_and_bands(1, 16)
    'Lines: one seed, the median over its 16 sequences'
    """
    of_seed = f"the median over its {sequences} sequences" if sequences > 1 else "of one sequence"
    if seeds == 1:
        return f"Lines: one seed, {of_seed}"
    return f"Lines: the median of {seeds} seeds, each {of_seed}; bands: from the lowest seed to the highest"


def joined(parts: Sequence[Arrays], snapshots: Iterable[int], cell: Cell) -> Arrays:
    """Puts together what was measured of one cell, a part for every seed.

    Returns:
      Arrays by name; P snapshots, E = 1 or 2 ends (the first and the last snapshot), S seeds, T steps, B sequences:
      `snapshots` `[P]`; `log_norm/...` `[P, S, T+1, B]`; `log_singular_value/...` `[E, S, T+1, B]`, but not of a
      large state, see `measure.at_end`; `first_not_finite` `[P, S, B]`; `lyapunov_exponent` `[E, S, N]`; `state_size`
      N; `gate/...` `[E, S, ...]`; `theory/...` `[S, ...]`; `train_loss` `[steps, S]` and `held_out_loss` `[P, S]`.
      `quantities` says of each what it is in the tidy table.
    """
    steps = list(snapshots)
    arrays = {"snapshots": np.array(steps)}
    for group, at in ((AT_SNAPSHOTS, steps), (AT_ENDS, sorted({steps[0], steps[-1]}))):
        first = f"{group}/{at[0]}/"
        for name in (key.removeprefix(first) for key in parts[0] if key.startswith(first)):
            values = [np.stack([part[f"{group}/{step}/{name}"] for step in at]) for part in parts]
            # A number without axes is of the cell, and the same for all seeds and ends.
            arrays[name] = values[0][0] if values[0].ndim == 1 else np.concatenate(values, axis=1)
    first = f"{AT_START}/{steps[0]}/"
    # Theory may hold for one seed's weights and not for another's; then there is none.
    for name in set.intersection(*({key for key in part if key.startswith(first)} for part in parts)):
        arrays[name.removeprefix(first)] = np.concatenate([part[name] for part in parts])
    gates = [name.removeprefix("gate/mean/") for name in arrays if name.startswith("gate/mean/")]
    arrays |= {f"gate/range/{gate}": np.array(measure.gate_range(cell, gate)) for gate in gates}
    if parts[0]["losses"].shape[1]:
        arrays["train_loss"] = np.concatenate([part["losses"] for part in parts]).T
    return arrays


def snapshot_name(step: int) -> str:
    """Names a snapshot within a title or a sentence."""
    title = snapshot_title(step)
    return title[0].lower() + title[1:]


def snapshot_title(step: int) -> str:
    """Names a snapshot."""
    return "At initialisation" if step == 0 else f"After {step:,} training step{'s' if step > 1 else ''}"
