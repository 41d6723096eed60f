"""How does the gradient norm change with the distance in time, in an RNN, an LSTM and a GRU, before and after training?

Claim:    the norm falls exponentially with distance; how fast is a matter of the cell and of its initialisation, and
          training changes it.
Command:  python -m experiments.gradient_flow --config=configs/gradient_flow.py --workdir=runs/gradient_flow
Duration and expected numbers: see the header of the config.
"""

import dataclasses
import re
import zlib
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from experiments.common.config import from_config, to_dict
from experiments.common.plotting import COLORS, Drawing
from experiments.common.progress import Meter, say
from experiments.common.report import write_report
from experiments.common.workdir import Workdir
from experiments.gradient_flow import figures, findings, measure
from experiments.gradient_flow.config import GradientFlow
from experiments.gradient_flow.costs import measure_costs
from experiments.gradient_flow.language_model import Trainer, held_out_loss, init_model
from experiments.gradient_flow.results import COLUMNS, CellResults, tidy_rows
from experiments.gradient_flow.sources import LONG, MEASURED, TextSource, make_source
from experiments.gradient_flow.theory import predicted
from experiments.gradient_flow.zoo import zoo
from recurrax import Cell
from recurrax._util import naming


def main(config_dict: Any, path: Path) -> None:
    """Runs the study, or goes on with it, and writes its results to `path`."""
    config = from_config(GradientFlow, config_dict)
    source = make_source(config)
    if isinstance(source, TextSource):
        data = {"name": source.name, "sha256": source.sha256, "symbols": source.input_size}
    else:
        config = dataclasses.replace(config, train=dataclasses.replace(config.train, snapshots=(0,)))
        data = {"name": source.name, "sha256": "", "symbols": 0}
    with Workdir(path, config=to_dict(config), data=data) as workdir:
        if workdir.nothing_to_do("study"):
            return
        if isinstance(source, TextSource):
            size = len(source.text.train) + len(source.text.held_out)
            say(f"{source.name}: {size:,} bytes, {source.input_size} symbols")
        else:
            say(f"{source.name}: nothing to learn, so the flow is measured at initialisation only")
        cells, results = config.make_cells(), []
        for name, label, cell in zip(config.cell_names(), config.cell_labels(), cells, strict=True):
            part = _part(naming.unlabelled(name))
            arrays = workdir.load_part(part, needed=("snapshots", "flow/joint", "lyapunov", "state_size"))
            if arrays is None:
                arrays = measure_cell(name, cell, source, config)
                workdir.save_part(part, arrays)
            else:
                say(f"{name}: already measured")
            results.append(CellResults(name, label, arrays))
        shape = (config.train.batch, config.train.length, source.input_size)
        costs = workdir.load_part("costs", needed=("parameters", "gradient_ms"))
        if costs is None:
            costs = measure_costs(cells, shape[2], *shape[:2])
            workdir.save_part("costs", costs)
        write_results(workdir, config, source.name, results, costs, shape)
        workdir.finish()
        say(f"Report: {path / 'report.html'}")


def measure_cell(name: str, cell: Cell, source: Any, config: GradientFlow) -> dict[str, np.ndarray]:
    """Trains one cell on all seeds and measures its gradient flow on the way.

    Returns:
      Arrays by name; P snapshots, E = 1 or 2 ends (the first and the last snapshot), S seeds, T steps, B sequences:
      `snapshots` `[P]`; `flow/...` log norms `[P, S, T+1, B]`; `jacobian/...` log singular values `[E, S, T+1, B]`;
      `lyapunov` `[E, S, N]`; `state_size` N; `gates/...` `[E, S, ...]`; `theory/...`; `train_loss` and
      `held_out_loss` `[steps, S]`. No `jacobian/...` of a large state, see `measure.at_end`.
    """
    seeds = config.seed + jnp.arange(config.seeds)
    models = init_model(cell, source, seeds)
    xs, targets = source.sequences(MEASURED, config.flow.batch, config.flow.length)
    long_run, _ = source.sequences(LONG, 1, config.flow.lyapunov_length)
    snapshots = config.train.snapshots
    arrays = {f"theory/{key}": value for key, value in predicted(cell, source, models, xs).items()}
    flows, ends, held_out, training, trainer, evaluate = [], [], [], None, None, None
    if isinstance(source, TextSource):
        evaluate = held_out_loss(cell, source)
        trainer = Trainer(cell, source, config.train, seeds)
        training = trainer.start(models)
    with Meter(f"{name}: training and measuring", snapshots[-1], "steps") as meter:
        for step in snapshots:
            if trainer is not None and training is not None:
                for advanced in trainer.advance(training, step):
                    training = advanced
                    meter.update(int(training.step))
                models = training.model
            flows.append(measure.gradient_flow(cell, source, models, xs, targets))
            if evaluate is not None:
                held_out.append(evaluate(models, xs, targets))
            if step in (0, snapshots[-1]):
                ends.append(measure.at_end(cell, models, xs, xs[:, : config.flow.jacobian_batch], long_run[:, 0]))
    arrays |= {f"flow/{key}": np.stack([flow[key] for flow in flows]) for key in flows[0]}
    arrays |= {key: np.stack([end[key] for end in ends]) for key in ends[0]}
    arrays["state_size"] = arrays["state_size"][0]
    arrays |= {f"gates/range/{gate}": np.array(measure.gate_range(cell, gate)) for gate in _gates(arrays)}
    arrays["snapshots"] = np.array(snapshots)
    if training is not None:
        arrays["train_loss"] = np.asarray(training.losses).T
        arrays["held_out_loss"] = np.stack(held_out)
    return arrays


def _part(name: str) -> str:
    """Returns the file name of a cell's part; texts that are no plain names get a checksum, and an end."""
    plain = re.sub(r"[^A-Za-z0-9_]+", ".", name)
    return f"cell-{name}" if plain == name else f"cell-{plain[:60]}-{zlib.crc32(name.encode()):08x}"


def _gates(arrays: dict[str, np.ndarray]) -> list[str]:
    return [key.removeprefix("gates/histogram/") for key in arrays if key.startswith("gates/histogram/")]


def write_results(
    workdir: Workdir, config: GradientFlow, source: str, cells: list[CellResults], costs: dict[str, np.ndarray], shape
) -> None:
    """Writes the tidy table, the figures with the numbers in them, and the report."""
    seeds = [config.seed + n for n in range(config.seeds)]
    workdir.write_csv("results.csv", COLUMNS, tidy_rows(cells, seeds))
    drawings = [zoo(cells, config, source), figures.cost(cells, costs, config, shape)]
    if len(cells) <= len(COLORS):  # more could not be told apart; their numbers are in the tables
        in_detail: list[Drawing | None] = [
            figures.gradient_norm(cells, config, source),
            figures.gradient_map(cells, config, source),
            figures.paths(cells, config, source),
            figures.jacobian(cells, config, source),
            figures.lyapunov(cells, config, source),
            figures.gates(cells, config, source),
            figures.learning(cells, config, source),
        ]
        drawings = [drawing for drawing in in_detail if drawing is not None] + drawings
    names = ", ".join(cell.label for cell in cells) if len(cells) <= len(COLORS) else f"{len(cells)} cells"
    write_report(
        workdir,
        title=f"Gradient flow in {names}",
        lead="How large is the gradient that a loss sends back to the state k steps earlier, and what carries it?",
        findings=findings.sentences(cells, costs),
        tables=[findings.summary(cells, costs)],
        drawings=drawings,
    )
