"""The study as functions: what a command line or a notebook calls."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from experiments.common.cells import why_it_cannot_run
from experiments.common.config import FieldError, from_config, to_dict
from experiments.common.progress import Meter, say
from experiments.common.report import write_report
from experiments.common.workdir import Workdir
from experiments.gradient_flow import findings, tables
from experiments.gradient_flow.config import GradientFlow
from experiments.gradient_flow.findings.runs import not_finite
from experiments.gradient_flow.measuring.costs import measure_costs
from experiments.gradient_flow.measuring.language_model import Trainer
from experiments.gradient_flow.measuring.networks import Network, measure_network
from experiments.gradient_flow.measuring.pair_losses import pair_losses
from experiments.gradient_flow.measuring.programs import share_programs
from experiments.gradient_flow.measuring.sources import Source, TextSource, make_source
from experiments.gradient_flow.quantities import COLUMNS, tidy_rows
from experiments.gradient_flow.results import CellResults, StudyResults, joined
from recurrax import Cell

GROWS = (
    "cells", "seeds", "axes.hidden_size", "axes.length", "axes.forget_bias", "axes.gain", "train.snapshots",
    "measure.length", "measure.batch", "measure.jacobian_batch", "measure.lyapunov_length",
)  # fmt: skip
"""Fields in which a study may be larger than the one that its folder was begun with."""


def main(config_dict: Any, path: Path) -> None:
    """Runs the study, or goes on with it, and writes its results to `path`."""
    config = from_config(GradientFlow, config_dict)
    source = make_source(config)
    for variant in config.variants():
        if problem := why_it_cannot_run(variant.cell, source.input_size):
            raise FieldError("config.cells", f"is wrong: {problem}")
    if not isinstance(source, TextSource):
        config = dataclasses.replace(config, train=dataclasses.replace(config.train, snapshots=(0,)))
    symbols = source.input_size if isinstance(source, TextSource) else 0
    data = {"name": source.name, "sha256": source.sha256, "symbols": symbols}
    with Workdir(path, config=to_dict(config), data=data, grows=GROWS) as workdir:
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
    """Measures all networks, and what their cells cost, save what the folder has already."""
    variants, snapshots = config.variants(), config.train.snapshots
    programs = share_programs([variant.cell for variant in variants], source.input_size)
    trainers = {
        program: Trainer(program, source, config.train) if isinstance(source, TextSource) else None
        for program in dict.fromkeys(programs)
    }
    steps = snapshots[-1] + 1  # to measure counts as one more
    results = []
    with Meter("training and measuring", len(variants) * config.seeds * steps, "steps") as meter:
        for number, (variant, program) in enumerate(zip(variants, programs, strict=True)):
            settings = dataclasses.replace(config.measure, length=variant.length)
            parts = []
            for turn, seed in enumerate(config.all_seeds()):
                begin = (number * config.seeds + turn) * steps
                parts.append(
                    measure_network(
                        workdir,
                        Network(variant, seed, program),
                        source,
                        settings,
                        trainers[program],
                        snapshots,
                        lambda done, begin=begin: meter.update(begin + done),
                    )
                )
                meter.update(begin + steps)
            results.append(CellResults(variant, joined(parts, snapshots, variant.cell)))
            for sentence in not_finite(results[-1]):
                say(f"warning: {sentence}")
    costs = _costs(workdir, programs, source, config)
    text = source.text if isinstance(source, TextSource) else None
    pairs = None if text is None else pair_losses(text.train, text.held_out, len(text.symbols))
    return StudyResults(config, source.name, source.input_size, results, costs, pairs)


def _costs(workdir: Workdir, programs: list[Cell], source: Source, config: GradientFlow) -> dict[str, np.ndarray]:
    """Measures what the programs cost, side by side, and returns an entry for every cell of the study."""
    unique = list(dict.fromkeys(programs))
    names = np.array([repr(program) for program in unique])
    costs = workdir.load_part("costs", needed=("programs", "parameters", "gradient_ms/low"))
    # Times that were not taken in turn cannot be compared: with another cell, all are taken anew.
    if costs is None or list(costs["programs"]) != list(names):
        costs = {
            "programs": names,
            **measure_costs(unique, source.input_size, config.train.batch, config.train.length),
        }
        workdir.save_part("costs", costs)
    place = [unique.index(program) for program in programs]
    return {name: values[place] for name, values in costs.items() if name != "programs"}


def write_results(workdir: Workdir, results: StudyResults) -> None:
    """Writes the tidy table, the figures with the numbers in them, and the report."""
    from experiments.gradient_flow import figures  # Matplotlib takes its time

    workdir.write_csv("results.csv", COLUMNS, tidy_rows(results.cells, results.config.all_seeds(), results.costs))
    families = list(dict.fromkeys(cell.family for cell in results.cells))
    few = ", ".join(families) if len(families) <= FEW else f"{len(families)} kinds of cells"
    write_report(
        workdir,
        title=f"Gradient flow in {few}",
        lead=LEAD,
        findings=findings.sentences(results),
        tables=[tables.summary(results), tables.starts(results)],
        drawings=figures.draw_all(results),
    )


LEAD = (
    "How large is the gradient that a loss sends back to the state k steps earlier, and what carries it? The loss L is "
    "that of the last of T steps alone. The state s is all that a step hands on to the next: h, and in an LSTM c as "
    "well. The tables at the end have the equations of the cells, how they start, and all in numbers."
)

FEW = 8
"""Kinds of cells that a title names one by one."""
