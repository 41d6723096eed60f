"""Measures gradient flow through a batch-normalised RNN against the gain of the normalisation (Cooijmans et al. 2017).

Claim:    see the header of the config.
Command:  python -m experiments.reproduce.batch_norm_gain --workdir=runs/batch_norm_gain
"""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.common import cli
from experiments.common.config import FieldError, from_config, require, require_seed, to_dict
from experiments.common.progress import say
from experiments.common.report import Table, write_report
from experiments.common.workdir import Workdir
from experiments.training.model import init_model, read
from recurrax import RNN
from recurrax.catalogue import make_task
from recurrax.tasks.task import Batch, Task
from recurrax.wrappers.batch_norm import BatchNorm


@dataclasses.dataclass(frozen=True)
class Gains:
    """What to measure.

    Attributes:
      gains: of the normalisation.
      tasks: the task, one, e.g. sequential_images, or sequential_images('FOLDER') for MNIST of your own.
      repeat: how many steps an input lasts; 12 makes 768 steps of the 64 pixels of scikit-learn's digits.
      hidden_size: units.
      batch: sequences, over which is normalised.
      seeds: networks.
      seed: of the first.
    """

    gains: tuple[float, ...]
    tasks: str
    repeat: int
    hidden_size: int
    batch: int
    seeds: int
    seed: int

    def __post_init__(self):
        require(bool(self.gains) and all(g > 0 for g in self.gains), "gains", self.gains, "one or more, above 0")
        for field in ("repeat", "hidden_size", "seeds"):
            require(getattr(self, field) >= 1, field, getattr(self, field), "at least 1")
        require(self.batch >= 2, "batch", self.batch, "at least 2")
        require_seed(self.seed, self.seeds)
        self.make_task()

    def make_task(self) -> Task:
        """Returns the task."""
        try:
            task = make_task(self.tasks)
            _ = task.input_size  # reads the data, where there are any
            return task
        except (TypeError, ValueError, OSError, ImportError) as error:
            raise FieldError("tasks", f"is wrong: {error}") from error


def log_norms(gain: float, task: Task, config: Gains) -> np.ndarray:
    """Returns ln of the root mean square over examples of |dL/dh_t|, `[seeds, T]`, before training, in nats.

    In float64, whose range is wide enough.
    """

    @jax.jit
    def measured(seed):
        key = jax.random.key(seed)
        batch = task.batch(seed, 0, config.batch)
        batch = jax.tree.map(lambda a: jnp.repeat(a, config.repeat, axis=0), batch)
        cell = BatchNorm(RNN(config.hidden_size), gain=gain, steps=1)
        model = init_model(cell, task, key)
        # The loss would be taken at all repetitions of the last input.
        last = (jnp.arange(len(batch.xs)) == len(batch.xs) - 1).astype(batch.weights.dtype)
        batch = batch._replace(weights=jnp.broadcast_to(last[:, None], batch.weights.shape))
        probes = jnp.zeros((len(batch.xs), config.batch, config.hidden_size))
        gradient = jax.grad(functools.partial(_loss, cell, model, task, batch, key))(probes)
        return 0.5 * jnp.log(jnp.mean(jnp.sum(gradient**2, -1), -1))

    with jax.enable_x64(True):
        return np.stack([np.asarray(measured(jnp.asarray(config.seed + n, jnp.int32))) for n in range(config.seeds)])


NOISE = 0.1
"""Standard deviation of the initial state, as in the paper's own analysis of gradients."""


def _loss(cell: BatchNorm, model: Any, task: Task, batch: Batch, key: jax.Array, probes: jax.Array) -> jax.Array:
    """Returns the loss of the last step, summed over examples, with something added to every state."""
    weights = cell.prepare(model.cell, key=key, batch_shape=probes.shape[1:2])

    def step(carry, inputs):
        x, probe = inputs
        carry = cell.step(weights, carry, cell.project(weights, x, key))
        carry = carry._replace(inner=carry.inner._replace(h=carry.inner.h + probe))
        return carry, carry.inner.h

    carry = cell.initial_carry(weights, probes.shape[1:2])
    # As in the paper: the first pixels are black in all images, and nothing can be divided by a variance of zero.
    noise = NOISE * jax.random.normal(key, carry.inner.h.shape)
    carry = carry._replace(inner=carry.inner._replace(h=carry.inner.h + noise))
    _, ys = jax.lax.scan(step, carry, (batch.xs, probes))
    return task.loss(read(model, ys), batch) * probes.shape[1]


def main(config_dict: Any, path: Path) -> None:
    """Measures every gain and writes the report to `path`."""
    from experiments.reproduce.figures import batch_norm_gain as figure  # Matplotlib takes its time

    config = from_config(Gains, config_dict)
    task = config.make_task()
    with Workdir(path, config=to_dict(config), data={}) as workdir:
        if workdir.nothing_to_do("study"):
            return
        measured = {}
        for gain in config.gains:
            measured[gain] = log_norms(gain, task, config)
            say(f"gain {gain:g} measured")
        kept = {gain: float(np.median(_reach(norms))) for gain, norms in measured.items()}
        rows = [(f"{gain:g}", f"{value:+.2f}") for gain, value in kept.items()]
        steps = next(iter(measured.values())).shape[1]
        write_report(
            workdir,
            title="Gradient flow and the gain of recurrent batch normalisation",
            lead="Cooijmans et al. (2017), figure 1a: at a gain of 1 a normalised tanh saturates, and gradients "
            "vanish; at 0.1 they do not.",
            findings=findings(kept, steps),
            tables=[Table("What is left of the gradient", ("gain", "log10 |dL/dh_1| / |dL/dh_T|"), rows,
                          f"Median of {config.seeds} networks before training.")],
            drawings=[figure.draw(measured, config)],
        )  # fmt: skip
        workdir.finish()
        say(f"Report: {path / 'report.html'}")


def findings(kept: dict[float, float], steps: int) -> list[str]:
    """Returns what the log10 of first over last norm, by gain, says about the claim."""
    best, greatest = min(kept, key=lambda gain: abs(kept[gain])), max(kept)
    flat = f"Over {steps} steps the gradient keeps its norm best at gain {best:g}: by a factor of 10^{kept[best]:+.1f}."
    if kept[greatest] < -1:
        return [flat, f"At gain {greatest:g} it vanishes, to 10^{kept[greatest]:+.1f}, as in the paper."]
    grows = "explodes" if kept[greatest] > 1 else "neither vanishes nor explodes"
    return [
        flat,
        f"At gain {greatest:g} it {grows} here (10^{kept[greatest]:+.1f}); in the paper's figure it vanishes.",
    ]


def _reach(norms: np.ndarray) -> np.ndarray:
    return (norms[:, 0] - norms[:, -1]) / np.log(10)


if __name__ == "__main__":
    cli.run(main, description=__doc__ or "", default_config="configs/reproduce/batch_norm_gain.py", schema=Gains)
