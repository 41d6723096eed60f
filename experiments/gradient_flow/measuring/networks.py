"""One network, a cell drawn from one seed: trained, measured, and kept so that a larger study goes on from there.

Networks run one after another: on a CPU that takes less time than side by side, and the bits of a network do not depend
on what else is in the study. Its folder keeps

* `training`: the model at every snapshot, the state of the training at the last one, and the losses;
* `measured-T128`: what was measured of these models over 128 steps, with the settings of the measurement.
"""

import dataclasses
import functools
import json
from collections.abc import Callable, Iterable, Mapping

import jax
import jax.numpy as jnp
import numpy as np

from experiments.common.precision import cast, precision
from experiments.common.workdir import Workdir
from experiments.gradient_flow.config import Measure
from experiments.gradient_flow.measuring import measure
from experiments.gradient_flow.measuring.carriers import carriers
from experiments.gradient_flow.measuring.language_model import Model, Trainer, as_arrays, init_model, mean_losses
from experiments.gradient_flow.measuring.sources import LONG, MEASURED, Source, TextSource
from experiments.gradient_flow.measuring.theory import predicted
from experiments.gradient_flow.variants import Variant
from recurrax import Cell

Arrays = dict[str, np.ndarray]
Progress = Callable[[int], None]
"""Is told the training steps that are done."""

AT_SNAPSHOTS, AT_ENDS, AT_START = "snapshot", "end", "start"
"""Groups of measured arrays: at every snapshot, at the first and the last of them, and at initialisation alone."""
NEEDED = {AT_SNAPSHOTS: "log_norm/joint", AT_ENDS: "layers"}
"""An array of each group, without which a part is of another version."""


@dataclasses.dataclass(frozen=True)
class Network:
    """A network of the study.

    Attributes:
      variant: its cell, which draws its weights, and the length of its measurements.
      seed: what it is drawn from.
      program: the cell that it runs as: the same equations, compiled once for all that share them.
    """

    variant: Variant
    seed: int
    program: Cell

    @property
    def folder(self) -> str:
        """The folder of its parts."""
        return f"{self.variant.folder}/seed-{self.seed}"

    @property
    def measured(self) -> str:
        """The name of the part of its measurements."""
        return f"{self.folder}/measured-T{self.variant.length}"


def measure_network(
    workdir: Workdir, network: Network, source: Source, settings: Measure, trainer: Trainer | None,
    snapshots: tuple[int, ...], progress: Progress,
) -> Arrays:  # fmt: skip
    """Trains and measures a network, save what the folder has already.

    Args:
      workdir: keeps the parts.
      network: the network.
      source: what drives it.
      settings: of the measurement; its length is that of the network's variant.
      trainer: of the network's program; None where there is nothing to learn.
      snapshots: training steps at which it is measured.
      progress: is told how far the training has come.

    Returns:
      Arrays by names such as "snapshot/100/log_norm/joint" (see `AT_SNAPSHOTS`), as `measured_at` and `measure.at_end`
      return them; and `losses` `[1, N]` of all training steps.
    """
    ends = {snapshots[0], snapshots[-1]}
    wanted = [(AT_SNAPSHOTS, step) for step in snapshots] + [(AT_ENDS, step) for step in sorted(ends)]
    kept = _kept(workdir, network, settings)
    missing = [(group, step) for group, step in wanted if f"{group}/{step}/{NEEDED[group]}" not in kept]
    models, losses = train_network(workdir, network, source, trainer, snapshots, progress)
    for step in dict.fromkeys(step for _, step in missing):
        groups = {group for group, at in missing if at == step}
        kept |= measured_at(network.program, source, models[step], settings, step, groups)
    if missing:
        workdir.save_part(network.measured, kept)
    return {**kept, "losses": losses}


def train_network(
    workdir: Workdir, network: Network, source: Source, trainer: Trainer | None, snapshots: tuple[int, ...],
    progress: Progress,
) -> tuple[dict[int, Model], np.ndarray]:  # fmt: skip
    """Returns the model at every snapshot and the losses `[1, N]`, trained as far as they are not kept."""
    draw = functools.partial(init_model, network.variant.cell, source, jnp.asarray([network.seed]))
    if trainer is None:
        return {0: draw()}, np.empty((1, 0))
    name = f"{network.folder}/training"
    kept = workdir.load_part(name, needed=("losses", "state/0")) or {}
    like = jax.eval_shape(draw)  # where all is kept, nothing is drawn, which would be compiled first
    models = {step: found for step in snapshots if (found := _model(kept, step, like)) is not None}
    missing = [step for step in snapshots if step not in models]
    if not missing:
        return models, kept["losses"][:, : snapshots[-1]]
    # A snapshot before the last one that is kept is trained for again, to the same bits.
    goes_on = "state/0" in kept and kept["state/0"] <= missing[0]
    training = trainer.resume(kept, like) if goes_on else trainer.start(draw(), jnp.asarray([network.seed]))
    kept = {key: array for key, array in kept.items() if key.startswith("model/")}
    for step in missing:
        for advanced in trainer.advance(training, step):
            training = advanced
            progress(int(training.step))
        models[step] = jax.tree.map(jnp.copy, training.model)  # the next step is given the original to overwrite
        kept |= {f"model/{step}/{n}": np.asarray(leaf) for n, leaf in enumerate(jax.tree.leaves(models[step]))}
    for advanced in trainer.advance(training, snapshots[-1]):
        training = advanced
    kept |= as_arrays(training)
    workdir.save_part(name, kept)
    return models, kept["losses"]


def measured_at(
    cell: Cell, source: Source, models: Model, settings: Measure, step: int, groups: Iterable[str]
) -> Arrays:
    """Measures models of one or more seeds after so many training steps.

    Args:
      cell: the cell that they run as.
      source: what drives them.
      models: with an axis of S seeds in front.
      settings: of the measurement.
      step: training steps that they have behind them.
      groups: what is asked for, of `AT_SNAPSHOTS` and `AT_ENDS`.

    Returns:
      Arrays by names that begin with the group and the step; what is of every seed has its axis in front.
    """
    xs, targets = source.sequences(MEASURED, settings.batch, settings.length)
    few, long = xs[:, : settings.jacobian_batch], source.sequences(LONG, 1, settings.lyapunov_length)[0][:, 0]
    found: dict[str, Mapping[str, np.ndarray]] = {}
    with precision(settings.dtype):
        models, xs, few, long = cast((models, xs, few, long), settings.dtype)
        paths = measure.trajectories(cell, models, xs)
        if AT_SNAPSHOTS in groups:
            found[AT_SNAPSHOTS] = {
                **measure.log_norms(source, models, paths, targets),
                **measure.first_not_finite(paths),
                **_held_out(source, models, paths.ys, targets),
            }
        if AT_ENDS in groups:
            few, long = (measure.trajectories(cell, models, sequences) for sequences in (few, long))
            found[AT_ENDS] = measure.at_end(paths, few, long) | carriers(source, models, paths, few, targets)
        if step == 0 and AT_SNAPSHOTS in groups:
            found[AT_START] = predicted(cell, models, xs)
    return {f"{group}/{step}/{name}": array for group, arrays in found.items() for name, array in arrays.items()}


def _held_out(source: Source, models: Model, ys: jax.Array, targets: jax.Array) -> Arrays:
    if not isinstance(source, TextSource):
        return {}
    return {"held_out_loss": np.asarray(mean_losses(source, models, ys, targets))}


def _kept(workdir: Workdir, network: Network, settings: Measure) -> Arrays:
    """Returns what was measured before with these settings; with others it counts for nothing."""
    text = np.array(json.dumps(dataclasses.asdict(settings), sort_keys=True))
    kept = workdir.load_part(network.measured) or {}
    return kept if kept.get("settings") == text else {"settings": text}


def _model(kept: Mapping[str, np.ndarray], step: int, like: Model) -> Model | None:
    """Returns the kept model after so many steps, in the structure of another one."""
    leaves, structure = jax.tree.flatten(like)
    names = [f"model/{step}/{n}" for n in range(len(leaves))]
    return jax.tree.unflatten(structure, [jnp.asarray(kept[name]) for name in names]) if names[0] in kept else None
