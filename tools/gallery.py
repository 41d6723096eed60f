"""Writes the gallery of cells and wrappers: equations, what each is for, parameters, and how far its gradient reaches.

    make gallery
    python -m tools.gallery --out=docs/cells.md

Texts come from the docstrings; parameters and time scales are computed, with the default hyper-parameters. Duration:
about a second per cell.
"""

import dataclasses
import functools
import inspect
import math
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import jax
import numpy as np
from absl import app, flags

from experiments.common.bands import median
from experiments.common.progress import Meter
from experiments.gradient_flow.timescales import fit_timescale_of, timescale_text
from recurrax import Cell, catalogue, cells, gradflow, wrappers

SIZE, STEPS, SEEDS, BATCH = 32, 128, 4, 8
"""H = D, T, models and sequences for the time scale."""

_OUT = flags.DEFINE_string("out", "docs/cells.md", "the page to be written")


@dataclasses.dataclass(frozen=True)
class Entry:
    """What a docstring says of a cell."""

    cls: type[Cell]
    summary: str
    """The first line: what it is, and where it comes from."""
    body: list[str]
    """Equations, in fences, and paragraphs, in the order of the docstring."""
    attributes: str
    """The hyper-parameters, a line each."""

    @property
    def file(self) -> str:
        """Where its code is."""
        return self.cls.__module__.replace(".", "/") + ".py"

    @property
    def package(self) -> str:
        """What it is imported from."""
        return self.cls.__module__.rpartition(".")[0]


def entry(cls: type[Cell]) -> Entry:
    """Takes the docstring of a cell apart."""
    summary, _, rest = (inspect.getdoc(cls) or "").partition("\n")
    body, _, attributes = rest.partition("\nAttributes:")
    blocks = [block for block in body.split("\n\n") if block.strip()]
    return Entry(cls, summary, list(map(_block, blocks)), textwrap.dedent(attributes.strip("\n")).strip())


def _block(text: str) -> str:
    text = text.strip("\n")
    return f"```text\n{textwrap.dedent(text)}\n```" if text.startswith("    ") else " ".join(text.split())


def entries(package: ModuleType) -> list[Entry]:
    """Returns the entries of all cells of a package, by name."""
    return sorted(map(entry, catalogue.units(package, Cell).values()), key=lambda e: e.cls.__name__.lower())


def parameter_formula(count: Callable[[int, int], int]) -> str:
    """Returns the number of parameters as a polynomial in D and H, "4DH + 4H² + 4H"; "" where it is none.

    >>> parameter_formula(lambda d, h: 4 * h * (d + h + 1))
    '4DH + 4H² + 4H'
    """
    terms = {"DH": lambda d, h: d * h, "H²": lambda d, h: h * h, "D": lambda d, h: d, "H": lambda d, h: h}
    terms |= {"": lambda d, h: 1}
    points = [(d, h) for d in (4, 8, 12) for h in (8, 16, 32, 64)]
    matrix = np.array([[term(*point) for term in terms.values()] for point in points], float)
    counts = np.array([count(*point) for point in points], float)
    coefficients = np.round(np.linalg.lstsq(matrix, counts, rcond=None)[0], 6)
    if not np.allclose(matrix @ coefficients, counts, rtol=1e-9):
        return ""
    text = ""
    for name, c in zip(terms, coefficients, strict=True):
        if c:
            number = "" if abs(c) == 1 and name else f"{abs(c):.6g}"
            text += (" - " if c < 0 else " + " if text else "") + number + name
    return text or "0"


def parameters(cls: type[Cell]) -> tuple[int, str]:
    """Returns how many parameters a cell has at D = H = `SIZE`, and the formula."""

    def count(d: int, h: int) -> int:
        shapes = jax.eval_shape(lambda: catalogue.make_cell(cls.__name__, hidden_size=h).init(jax.random.key(0), d))
        return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes))

    return count(SIZE, SIZE), parameter_formula(count)


def time_scale(cls: type[Cell]) -> str:
    """Returns the fitted decay of the gradient at initialisation, under inputs of independent normal numbers."""
    norms = np.asarray(_log_norms(catalogue.make_cell(cls.__name__, hidden_size=SIZE)))
    return timescale_text(fit_timescale_of(median(np.moveaxis(norms, 1, 0)[::-1])))


@functools.partial(jax.jit, static_argnums=0)
def _log_norms(cell: Cell) -> jax.Array:
    """Returns `[SEEDS, STEPS + 1, BATCH]` for a random linear functional of the last output as the loss."""
    xs = jax.random.normal(jax.random.key(1), (STEPS, BATCH, SIZE))

    def one(key):
        key_params, key_loss = jax.random.split(key)

        def loss(ys, carry):
            del carry
            return (jax.random.normal(key_loss, ys.shape[1:], ys.dtype) * ys[-1]).sum()

        return gradflow.gradient_norms(gradflow.trajectory(cell, cell.init(key_params, SIZE), xs), loss).joint

    return jax.vmap(one)(jax.random.split(jax.random.key(0), SEEDS))


def traits(cls: type[Cell]) -> str:
    """Says what executors may make of a cell."""
    cell = catalogue.make_cell(cls.__name__, hidden_size=SIZE)
    return "linear" if cell.linear else "diagonal" if cell.diagonal else ""


def section(e: Entry, numbers: str = "") -> str:
    """Returns a cell's section."""
    in_order = sorted(dataclasses.fields(e.cls), key=lambda f: bool(f.kw_only))  # pyright: ignore[reportArgumentType]
    fields = ", ".join(f.name for f in in_order)
    parts = [
        f"### {e.cls.__name__}",
        e.summary,
        *e.body,
        numbers,
        f"`from {e.package} import {e.cls.__name__}`: `{e.cls.__name__}({fields})` in [`{e.file}`](../{e.file})",
    ]
    return "\n\n".join(part for part in parts if part)


def page(measured: dict[str, tuple[int, str, str]]) -> str:
    """Returns the page; `measured` has parameters, their formula and the time scale by the name of the cell."""
    found, around = entries(cells), entries(wrappers)
    rows = ["| cell | parameters | at D = H = 32 | gradient at initialisation | |", "|---|---|---|---|---|"]
    for e in found:
        name = e.cls.__name__
        count, formula, scale = measured.get(name, (0, "", ""))
        rows.append(
            f"| [{name}](#{name.lower()}) | {formula or '-'} | {f'{count:,}' if count else '-'} | {scale or '-'} | "
            f"{traits(e.cls) if name in measured else ''} |"
        )
    head = f"""# Cells and wrappers

Made by `make gallery` from the code; do not edit. {len(found)} cells, {len(around)} wrappers. Letters: T time steps,
B batch, D input features, H hidden units; in equations `*` is elementwise, and matrices multiply from the left.

Each runs by every executor that its structure allows (*linear* cells also by `associative`, *diagonal* ones best by
`newton`), in both Flax flavours and in every measurement; and in the study:
`make gradient-flow ARGS='--config.cells="lstm,residual(gru)"' WORKDIR=runs/mine`. There a cell has the name of its
class, in any case and with underscores or without.

Gradient at initialisation: time scale τ of the norm of dL/ds against distance, fitted as the study does, default
hyper-parameters, H = D = {SIZE}, inputs of independent standard normal numbers, {STEPS} steps, {SEEDS} seeds x {BATCH}
sequences. It tells of how weights are drawn as much as of the cell."""
    return "\n\n".join(
        [
            head,
            "\n".join(rows),
            "## Cells",
            *(section(e, _numbers(measured.get(e.cls.__name__))) for e in found),
            "## Wrappers",
            "Cell in, cell out: `Residual(LSTM(64))`, and `Stack` of any of them.",
            *(section(e) for e in around),
        ]
    )


def _numbers(measured: tuple[int, str, str] | None) -> str:
    if measured is None:
        return ""
    count, formula, scale = measured
    known = f"{formula}, " if formula else ""
    return f"Parameters: {known}{count:,} at D = H = {SIZE}. Gradient at initialisation: {scale}."


def main(argv: list[str]) -> None:
    """Measures every cell and writes the page."""
    del argv
    names, measured = catalogue.all_cells(), {}
    classes = catalogue.units(cells, Cell)
    with Meter("measuring", len(names), "cells") as meter:
        for n, name in enumerate(names):
            cls = classes[name]
            measured[cls.__name__] = (*parameters(cls), time_scale(cls))
            meter.update(n + 1)
    path = Path(_OUT.value)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(measured) + "\n", encoding="utf-8")
    print(f"{path}: {len(measured)} cells measured")


if __name__ == "__main__":
    app.run(main)
