"""The study as functions: what a command line or a notebook calls."""

import dataclasses
import re
import zlib
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from experiments.common.cells import why_it_cannot_run
from experiments.common.config import FieldError, from_config, to_dict
from experiments.common.precision import cast, precision
from experiments.common.progress import Meter, say
from experiments.common.report import write_report
from experiments.common.workdir import Workdir
from experiments.gradient_flow import findings, measure
from experiments.gradient_flow.carriers import carriers
from experiments.gradient_flow.config import GradientFlow
from experiments.gradient_flow.costs import measure_costs
from experiments.gradient_flow.language_model import Trainer, init_model, mean_losses
from experiments.gradient_flow.pair_losses import pair_losses
from experiments.gradient_flow.quantities import COLUMNS, tidy_rows
from experiments.gradient_flow.results import CellResults, StudyResults
from experiments.gradient_flow.sources import LONG, MEASURED, Source, TextSource, make_source
from experiments.gradient_flow.theory import predicted
from recurrax import Cell
from recurrax._util import naming

FEW = 8
"""Cells that a title names one by one."""
NEEDED = ("snapshots", "log_norm/joint", "first_not_finite", "lyapunov_exponent", "state_size")
"""Arrays without which a part is of another version."""


def main(config_dict: Any, path: Path) -> None:
    """Runs the study, or goes on with it, and writes its results to `path`."""
    config = from_config(GradientFlow, config_dict)
    source = make_source(config)
    for cell in config.make_cells():
        if problem := why_it_cannot_run(cell, source.input_size):
            raise FieldError("config.cells", f"is wrong: {problem}")
    if not isinstance(source, TextSource):
        config = dataclasses.replace(config, train=dataclasses.replace(config.train, snapshots=(0,)))
    symbols = source.input_size if isinstance(source, TextSource) else 0
    data = {"name": source.name, "sha256": source.sha256, "symbols": symbols}
    with Workdir(path, config=to_dict(config), data=data) as workdir:
        if workdir.nothing_to_do("study"):
            return
        if isinstance(source, TextSource):
            size = len(source.text.train) + len(source.text.held_out)
            say(f"{source.name}: {size:,} bytes, {symbols} symbols")
        else:
            say(f"{source.name}: nothing to learn, so gradients are measured at initialisation only")
        write_results(workdir, measure_all(workdir, config, source))
        workdir.finish()
        say(f"Report: {path / 'report.html'}")


def measure_all(workdir: Workdir, config: GradientFlow, source: Source) -> StudyResults:
    """Measures the cells, and what they cost, save those that the folder has already."""
    cells, results = config.make_cells(), []
    for name, label, cell in zip(config.cell_names(), config.cell_labels(), cells, strict=True):
        file = _file_name(naming.unlabelled(name))
        arrays = workdir.load_part(file, needed=NEEDED)
        if arrays is None:
            arrays = measure_cell(name, cell, source, config)
            workdir.save_part(file, arrays)
        else:
            say(f"{name}: already measured")
        results.append(CellResults(name, label, arrays))
        for sentence in findings.not_finite(results[-1]):
            say(f"warning: {sentence}")
    costs = workdir.load_part("costs", needed=("parameters", "gradient_ms/low"))
    if costs is None:
        costs = measure_costs(cells, source.input_size, config.train.batch, config.train.length)
        workdir.save_part("costs", costs)
    text = source.text if isinstance(source, TextSource) else None
    pairs = None if text is None else pair_losses(text.train, text.held_out, len(text.symbols))
    return StudyResults(config, source.name, source.input_size, results, costs, pairs)


def measure_cell(name: str, cell: Cell, source: Source, config: GradientFlow) -> dict[str, np.ndarray]:
    """Trains one cell on all seeds and measures its gradients on the way.

    Returns:
      Arrays by name; P snapshots, E = 1 or 2 ends (the first and the last snapshot), S seeds, T steps, B sequences:
      `snapshots` `[P]`; `log_norm/...` `[P, S, T+1, B]`; `log_singular_value/...` `[E, S, T+1, B]`, but not of a
      large state, see `measure.at_end`; `first_not_finite` `[P, S, B]`; `lyapunov_exponent` `[E, S, N]`; `state_size`
      N; `gate/...` and those of `carriers` `[E, S, ...]`; `theory/...`; `train_loss` and `held_out_loss` `[steps, S]`.
      `quantities` says of each what it is in the tidy table.
    """
    seeds = config.seed + jnp.arange(config.seeds)
    models = init_model(cell, source, seeds)
    xs, targets = source.sequences(MEASURED, config.measure.batch, config.measure.length)
    others = xs[:, : config.measure.jacobian_batch], source.sequences(LONG, 1, config.measure.lyapunov_length)[0][:, 0]
    snapshots, dtype = config.train.snapshots, config.measure.dtype
    with precision(dtype):
        xs, others = cast((xs, others), dtype)
        theory = predicted(cell, source, cast(models, dtype), xs, targets)
    arrays = {f"theory/{key}": value for key, value in theory.items()}
    norms, ends, held_out, training, trainer = [], [], [], None, None
    if isinstance(source, TextSource):
        trainer = Trainer(cell, source, config.train, seeds)
        training = trainer.start(models)
    with Meter(f"{name}: training and measuring", snapshots[-1], "steps") as meter:
        for step in snapshots:
            if trainer is not None and training is not None:
                for advanced in trainer.advance(training, step):
                    training = advanced
                    meter.update(int(training.step))
                models = training.model
            with precision(dtype):
                measured = cast(models, dtype)
                paths = measure.trajectories(cell, measured, xs)
                norms.append({**measure.log_norms(source, measured, paths, targets), **measure.first_not_finite(paths)})
                if isinstance(source, TextSource):
                    held_out.append(mean_losses(source, measured, paths.ys, targets))
                if step in (0, snapshots[-1]):
                    few, long = (measure.trajectories(cell, measured, sequences) for sequences in others)
                    ends.append(measure.at_end(paths, few, long) | carriers(source, measured, paths, few, targets))
    arrays |= {key: np.stack([of_one[key] for of_one in norms]) for key in norms[0]}
    arrays |= {key: np.stack([end[key] for end in ends]) for key in ends[0]}
    arrays |= {name: arrays[name][0] for name in ("state_size", "layers")}
    gates = [key.removeprefix("gate/mean/") for key in arrays if key.startswith("gate/mean/")]
    arrays |= {f"gate/range/{gate}": np.array(measure.gate_range(cell, gate)) for gate in gates}
    arrays["snapshots"] = np.array(snapshots)
    if training is not None:
        arrays["train_loss"] = np.asarray(training.losses).T
        arrays["held_out_loss"] = np.stack(held_out)
    return arrays


def write_results(workdir: Workdir, results: StudyResults) -> None:
    """Writes the tidy table, the figures with the numbers in them, and the report."""
    from experiments.gradient_flow import figures  # Matplotlib takes its time

    config, cells = results.config, results.cells
    workdir.write_csv("results.csv", COLUMNS, tidy_rows(cells, range(config.seed, config.seed + config.seeds)))
    names = ", ".join(cell.label for cell in cells) if len(cells) <= FEW else f"{len(cells)} cells"
    write_report(
        workdir,
        title=f"Gradient flow in {names}",
        lead="How large is the gradient that a loss sends back to the state k steps earlier, and what carries it?",
        findings=findings.sentences(results),
        tables=[findings.summary(results)],
        drawings=figures.draw_all(results),
    )


def _file_name(name: str) -> str:
    """Returns the file name of a cell's part; texts that are no plain names get a checksum, and an end."""
    plain = re.sub(r"[^A-Za-z0-9_]+", ".", name)
    return f"cell-{name}" if plain == name else f"cell-{plain[:60]}-{zlib.crc32(name.encode()):08x}"
