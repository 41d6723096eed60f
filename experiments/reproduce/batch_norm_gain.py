"""Measures gradient flow through a batch-normalised RNN against the gain of the normalisation (Cooijmans et al. 2017).

Claim:    see the header of the config.
Command:  python -m experiments.reproduce.batch_norm_gain --workdir=runs/batch_norm_gain
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.common.config import FieldError, require, require_seed
from experiments.common.progress import say
from experiments.common.prose import power
from experiments.common.report import Table
from experiments.reproduce.small_study import Report, SmallStudy
from recurrax.catalogue import make_task
from recurrax.tasks.task import Batch, Task

PUBLISHED = {0.1: 2.25, 0.2: 0.53, 0.3: 0.15, 0.4: -1.65, 0.5: -6.95, 0.6: -19.1}
"""log10 of the first norm over the last, by gain, read off the vectors of the paper's figure 1a.

Curves of greater gains leave its frame, at 10^-29, before the first step."""


@dataclasses.dataclass(frozen=True)
class Gains:
    """What to measure.

    Attributes:
      gains: of the normalisation.
      tasks: the task, one: sequential_images, or sequential_images('FOLDER') for MNIST of your own.
      enlarge: pixels on a side that every pixel becomes.
      border: black pixels around the image; 3 and 2 make 28 by 28 of the 8 by 8 of scikit-learn's digits.
      hidden_size: units.
      batch: sequences, over which is normalised.
      seeds: networks.
      seed: of the first.
    """

    gains: tuple[float, ...]
    tasks: str
    enlarge: int
    border: int
    hidden_size: int
    batch: int
    seeds: int
    seed: int

    def __post_init__(self):
        require(bool(self.gains) and all(g > 0 for g in self.gains), "gains", self.gains, "one or more, above 0")
        for field in ("enlarge", "hidden_size", "seeds"):
            require(getattr(self, field) >= 1, field, getattr(self, field), "at least 1")
        require(self.border >= 0, "border", self.border, "at least 0")
        require(self.batch >= 2, "batch", self.batch, "at least 2")
        require_seed(self.seed, self.seeds)
        self.make_task()

    def make_task(self) -> Task:
        """Returns the task."""
        try:
            task = make_task(self.tasks)
            length = getattr(task, "length", 0)
            if task.input_size != 1 or round(length**0.5) ** 2 != length:
                raise ValueError(f"it must show square images of one feature, got {self.tasks}")
            return task
        except (TypeError, ValueError, OSError, ImportError) as error:
            raise FieldError("tasks", f"is wrong: {error}") from error


@dataclasses.dataclass(frozen=True)
class Setting:
    """All that may differ between two figures of one claim; the defaults are those of the paper's own code.

    Attributes:
      identity: whether the recurrent matrix is the identity at first; else it is orthogonal.
      separate: whether U h and W x + b are normalised each, as in the paper's text; else their sum is.
      noise: standard deviation of the initial state; 0 for the mean pixel of each example instead.
      epsilon: added to the variance.
      through_statistics: whether the gradient also goes through mean and variance.
      squared: whether norms are averaged over examples by root mean square; else by mean.
    """

    identity: bool = True
    separate: bool = False
    noise: float = 0.1
    epsilon: float = 1e-5
    through_statistics: bool = True
    squared: bool = False


SETTINGS = {
    "as in the paper's code": Setting(),
    "orthogonal recurrent matrix, not the identity": Setting(identity=False),
    "U h and W x normalised each, not their sum": Setting(separate=True),
    "both of these, as earlier versions of this study": Setting(identity=False, separate=True),
    "initial state the mean pixel, not noise": Setting(noise=0.0),
    "epsilon 10⁻³, not 10⁻⁵": Setting(epsilon=1e-3),
    "no gradient through mean and variance": Setting(through_statistics=False),
    "root mean square over examples, not mean": Setting(squared=True),
}
"""What was suspected to turn the curve at gain 1 around, one change at a time."""


class Flow(NamedTuple):
    """Gradient flow of one gain and setting, before training."""

    log_norms: np.ndarray
    """ln |dL/dh_t| at t = 1 ... T, `[seeds, T]`, nats."""
    scale: float
    """Gain over the standard deviation of what is normalised, root mean square over the second half of the steps."""
    slope: float
    """tanh', root mean square likewise."""


def next_state(h, x, weights, gain, setting):
    """Returns h_t of h_{t-1}, with the mean squares of what its derivative is made of: scale and slope."""
    u, w = weights

    def normalized(a):
        mean, variance = a.mean(0), a.var(0)
        if not setting.through_statistics:
            mean, variance = jax.lax.stop_gradient((mean, variance))
        scale = gain * jax.lax.rsqrt(variance + setting.epsilon)
        return scale * (a - mean), scale

    if setting.separate:
        (recurrent, scale), (of_input, _) = normalized(h @ u), normalized(x @ w)
        total = recurrent + of_input
    else:
        total, scale = normalized(h @ u + x @ w)
    new = jnp.tanh(total)
    return new, (jnp.mean(scale**2), jnp.mean((1 - new**2) ** 2))


def flow(gain: float, setting: Setting, task: Task, config: Gains) -> Flow:
    """Measures in float64; a gradient below its range, 10^-308, has a norm of 0."""
    with jax.enable_x64(True):
        numbers = [jnp.asarray(config.seed + n, jnp.int32) for n in range(config.seeds)]
        seeds = [_measured(setting, task, config, jnp.asarray(gain), number) for number in numbers]
        norms, scales, slopes = (np.stack([np.asarray(a) for a in part]) for part in zip(*seeds, strict=True))
    half = norms.shape[1] // 2
    return Flow(norms, *(float(np.sqrt(a[:, half:].mean())) for a in (scales, slopes)))


def enlarged(batch: Batch, factor: int, border: int) -> Batch:
    """Returns a batch of images pixel by pixel with larger images, asked about at their new end."""
    side = round(len(batch.xs) ** 0.5)
    images = batch.xs.reshape(side, side, -1).repeat(factor, 0).repeat(factor, 1)
    images = jnp.pad(images, ((border, border), (border, border), (0, 0)))
    xs = images.reshape(-1, images.shape[-1], 1)
    targets = jnp.broadcast_to(batch.targets[-1], xs.shape[:2])
    last = jnp.arange(len(xs)) == len(xs) - 1
    return Batch(xs, targets, jnp.broadcast_to(last[:, None].astype(xs.dtype), targets.shape))


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _measured(setting, task, config, gain, seed):
    batch = enlarged(task.batch(seed, 0, config.batch), config.enlarge, config.border)
    keys = jax.random.split(jax.random.key(seed), 4)
    orthogonal = jax.nn.initializers.orthogonal()
    size = config.hidden_size
    u = jnp.eye(size) if setting.identity else orthogonal(keys[0], (size, size), float)
    w, readout = orthogonal(keys[1], (1, size), float), orthogonal(keys[2], (size, task.output_size), float)
    noise = setting.noise * jax.random.normal(keys[3], (config.batch, size))
    start = noise if setting.noise else jnp.broadcast_to(batch.xs.mean(0), noise.shape)

    def loss(probes):
        def step(h, inputs):
            x, probe = inputs
            new, squares = next_state(h, x, (u, w), gain, setting)
            return new + probe, squares

        last, squares = jax.lax.scan(step, start, (batch.xs, probes))
        outputs = jnp.broadcast_to(last @ readout, (len(batch.xs), config.batch, task.output_size))
        return task.loss(outputs, batch), squares

    gradient, (scales, slopes) = jax.grad(loss, has_aux=True)(jnp.zeros((len(batch.xs), config.batch, size)))
    return log_norms(gradient, setting.squared), scales, slopes


def log_norms(gradient: jax.Array, squared: bool) -> jax.Array:
    """Returns ln of the norm of a gradient `[T, B, H]` at every step, root mean square or mean over examples."""
    # Squares of what is below 10^-154 are 0: every step is measured in units of its largest number.
    largest = jnp.abs(gradient).max((1, 2))
    unit = jnp.where(largest > 0, largest, 1.0)
    squares = jnp.sum((gradient / unit[:, None, None]) ** 2, -1)
    norms = jnp.sqrt(squares.mean(-1)) if squared else jnp.sqrt(squares).mean(-1)
    return jnp.log(norms) + jnp.log(unit)


def report(config: Gains) -> Report:
    """Measures every gain as in the paper's code, and every other setting at the greatest gain and in the figure."""
    from experiments.reproduce.figures import batch_norm_gain as figure  # Matplotlib takes its time

    task, names, greatest = config.make_task(), list(SETTINGS), max(config.gains)
    drawn: dict[str, dict[float, Flow]] = {name: {} for name in names[:2]}
    for name, flows in drawn.items():
        for gain in config.gains:
            flows[gain] = flow(gain, SETTINGS[name], task, config)
        say(f"measured {name}")
    at_greatest = {name: flows[greatest] for name, flows in drawn.items()}
    for name in names[2:]:
        at_greatest[name] = flow(greatest, SETTINGS[name], task, config)
        say(f"measured {name}")
    by_gain = [
        (f"{gain:g}", *(_with_range(flows[gain]) for flows in drawn.values()), _published(gain))
        for gain in config.gains
    ]
    by_setting = [
        (name, _with_range(f), f"{f.scale:.2f}", f"{f.slope:.2f}", f"{f.scale * f.slope:.3f}")
        for name, f in at_greatest.items()
    ]
    note = f"Norm at the first step over that at the last, median and range of {config.seeds} networks before training."
    return Report(
        title="Gradient flow and the gain of recurrent batch normalisation",
        lead="Cooijmans et al. (2017), figure 1a: at a gain of 1 a normalised tanh saturates, and gradients vanish; at "
        "0.1 they do not. The RNN of their repository begins with the identity as recurrent matrix, which the paper "
        "does not say of this network.",
        findings=findings({gain: reach(f) for gain, f in drawn[names[0]].items()},
                          {name: reach(f) for name, f in at_greatest.items()}, greatest),
        tables=[
            Table("What is left of the gradient, by gain",
                  ("gain", *names[:2], "paper's figure, MNIST"), by_gain, note),
            Table(f"What decides at gain {greatest:g}: one change at a time",
                  ("setting", "left of the gradient", "gain / deviation", "tanh'", "product"), by_setting,
                  "Gain over the standard deviation and tanh' are root mean squares over the second half of the steps: "
                  "where units mix, their product is about the factor of one step."),
        ],
        drawings=[figure.draw(drawn, config)],
        results=results(at_greatest, drawn, config),
    )  # fmt: skip


def results(
    at_greatest: Mapping[str, Flow], drawn: Mapping[str, Mapping[float, Flow]], config: Gains
) -> dict[str, list]:
    """Returns a row for every setting, gain and network."""
    flows = {(name, max(config.gains)): f for name, f in at_greatest.items()}
    flows |= {(name, gain): f for name, by_gain in drawn.items() for gain, f in by_gain.items()}
    rows = [(*key, config.seed + n, left) for key, f in flows.items() for n, left in enumerate(_left(f))]
    return dict(zip(("setting", "gain", "seed", "log_left_nats"), map(list, zip(*rows, strict=True)), strict=True))


def reach(measured: Flow) -> float:
    """Returns ln of the first norm over the last, in the median of the networks, nats."""
    return float(np.median(_left(measured)))


def _left(measured: Flow) -> np.ndarray:
    return measured.log_norms[:, 0] - measured.log_norms[:, -1]


def _with_range(measured: Flow) -> str:
    left = _left(measured)
    return f"{power(reach(measured))} ({power(float(left.min()))} to {power(float(left.max()))})"


def findings(by_gain: Mapping[float, float], by_setting: Mapping[str, float], greatest: float) -> list[str]:
    """Returns what the ln of first over last norm says, by gain as in the paper's code and by setting."""
    best = min(by_gain, key=lambda gain: abs(by_gain[gain]))
    paper, *others = by_setting.items()
    how = _how(paper[1])
    sentences = [
        f"Set up as in the paper's code, the gradient at the first step is {power(by_gain[best])} of that at the last "
        f"for gain {best:g}, the nearest to 1, and {power(paper[1])} for gain {greatest:g}: it {how}"
        + (", as in the paper's figure." if how == "vanishes" else "; in the paper's figure it vanishes.")
    ]
    turned = [(name, value) for name, value in others if _how(value) != how]
    kept = [name for name, value in others if _how(value) == how]
    if turned and how != "keeps its size":
        list_of = "; ".join(f"{name} ({power(value)})" for name, value in turned)
        sentences.append(f"At gain {greatest:g} it no longer {how} after one of these changes: {list_of}.")
    if kept:
        sentences.append(f"It still {how} after each of these: {'; '.join(kept)}.")
    return sentences


def _how(log_ratio: float) -> str:
    """Names a change of norm; less than tenfold either way is none."""
    if abs(log_ratio) < np.log(10):
        return "keeps its size"
    return "vanishes" if log_ratio < 0 else "explodes"


def _published(gain: float) -> str:
    if gain in PUBLISHED:
        return power(PUBLISHED[gain] * np.log(10))
    return "less than 10⁻²⁷" if gain > max(PUBLISHED) else "not shown"


STUDY = SmallStudy(Gains, report, "configs/reproduce/batch_norm_gain.py")

if __name__ == "__main__":
    STUDY.run(__doc__ or "")
