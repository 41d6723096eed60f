"""What a gradient-flow study can be asked for; a config is checked against this before anything runs."""

import dataclasses

from experiments.common.config import FieldError, require, require_choice
from experiments.common.precision import DTYPES
from experiments.gradient_flow.variants import Variant, make_variants
from recurrax._util import naming
from recurrax.catalogue import all_cells


@dataclasses.dataclass(frozen=True)
class Data:
    """Where sequences come from.

    Attributes:
      source: "text", a language to model byte by byte, or "noise", independent Gaussian inputs.
      path: text file or glob; empty for the English text that ships with CPython.
      variance: variance of each input feature of the noise.
      features: input features of the noise.
    """

    source: str
    path: str
    variance: float
    features: int

    def __post_init__(self):
        require_choice("source", self.source, ("text", "noise"))
        require(self.variance > 0, "variance", self.variance, "a number above 0")
        require(self.features >= 1, "features", self.features, "at least 1")
        require(self.source == "text" or not self.path, "path", self.path, "empty where data.source is 'noise'")


@dataclasses.dataclass(frozen=True)
class Measure:
    """Where gradients are measured.

    Attributes:
      length: longest distance in steps; the loss is taken at the last of so many steps.
      batch: sequences per seed.
      jacobian_batch: sequences per seed for Jacobian products, at the first and the last snapshot.
      lyapunov_length: steps of the run that Lyapunov exponents are averaged over; the first tenth only settles.
      dtype: "float64", to which weights that were trained in float32 are cast to be measured, or "float32", for a
        device without float64, such as a TPU.
    """

    length: int
    batch: int
    jacobian_batch: int
    lyapunov_length: int
    dtype: str

    def __post_init__(self):
        require(self.length >= 8, "length", self.length, "at least 8")
        require(self.batch >= 1, "batch", self.batch, "at least 1")
        require(
            1 <= self.jacobian_batch <= self.batch, "jacobian_batch", self.jacobian_batch, "between 1 and measure.batch"
        )
        require(self.lyapunov_length >= 20, "lyapunov_length", self.lyapunov_length, "at least 20")
        require_choice("dtype", self.dtype, DTYPES)


@dataclasses.dataclass(frozen=True)
class Train:
    """How the language model is trained between measurements; noise has nothing to learn.

    Attributes:
      snapshots: training steps after which gradients are measured; the last one ends the training.
      batch: sequences per step.
      length: steps per sequence, through all of which gradients flow.
      learning_rate: of Adam.
      clip_norm: gradients of a larger global norm are scaled down to this one.
    """

    snapshots: tuple[int, ...]
    batch: int
    length: int
    learning_rate: float
    clip_norm: float

    def __post_init__(self):
        require(len(self.snapshots) >= 1, "snapshots", self.snapshots, "at least one training step, e.g. 0")
        require(self.snapshots[0] == 0, "snapshots", self.snapshots, "0, the initialisation, to come first")
        rising = all(a < b for a, b in zip(self.snapshots, self.snapshots[1:], strict=False))
        require(rising, "snapshots", self.snapshots, "rising training steps")
        require(self.batch >= 1, "batch", self.batch, "at least 1")
        require(self.length >= 1, "length", self.length, "at least 1")
        require(self.learning_rate > 0, "learning_rate", self.learning_rate, "a number above 0")
        require(self.clip_norm > 0, "clip_norm", self.clip_norm, "a number above 0")


@dataclasses.dataclass(frozen=True)
class Axes:
    """What is varied: each list multiplies the cells that it applies to, those whose texts do not settle the matter.

    Attributes:
      hidden_size: units, in place of config.hidden_size.
      length: longest distances in steps, in place of config.measure.length; networks are not trained anew for it.
      forget_bias: forget biases, of cells that have one.
      gain: gains of the recurrent weights.
    """

    hidden_size: tuple[int, ...]
    length: tuple[int, ...]
    forget_bias: tuple[float, ...]
    gain: tuple[float, ...]

    def __post_init__(self):
        for name, values in dataclasses.asdict(self).items():
            require(len(set(values)) == len(values), name, values, "every value once")
        require(all(size >= 1 for size in self.hidden_size), "hidden_size", self.hidden_size, "at least 1")
        require(all(length >= 8 for length in self.length), "length", self.length, "at least 8")


@dataclasses.dataclass(frozen=True)
class GradientFlow:
    """The whole study.

    Attributes:
      cells: cells, separated by commas: names, with hyper-parameters and what a wrapper wraps in brackets, e.g.
        lstm(forget_bias=3.0) or residual(gru); module:Class for your own; "all" for every cell there is. What figures
        call one may follow: lstm(forget_bias=3.0) as open LSTM, with quotes where it has commas.
      hidden_size: units of every cell.
      seeds: independent initialisations and trainings.
      seed: the first seed.
    """

    cells: str
    hidden_size: int
    seeds: int
    seed: int
    data: Data
    measure: Measure
    train: Train
    axes: Axes

    def __post_init__(self):
        require(self.hidden_size >= 1, "hidden_size", self.hidden_size, "at least 1")
        require(self.seeds >= 1, "seeds", self.seeds, "at least 1")
        require(0 <= self.seed < 2**31, "seed", self.seed, "between 0 and 2^31 - 1")
        require(self.seed + self.seeds <= 2**31, "seed", self.seed, f"at most 2^31 - {self.seeds}, with so many seeds")
        names = self.cell_names()
        require(all(names), "cells", self.cells, "names separated by commas, e.g. 'rnn,lstm,gru'")
        try:
            variants = self.variants()
        except (TypeError, ValueError) as error:
            raise FieldError("cells", f"is wrong: {error}") from error
        except (Exception, SystemExit) as error:  # a module of the user's own may raise anything
            problem = f"is {self.cells!r}, which cannot be imported: {type(error).__name__}: {error}"
            raise FieldError("cells", problem) from error
        for variant in variants:
            if variant.cell.clips_gradients:
                problem = (
                    f"has {variant.source}, which clips gradients, so that their norms mean nothing; leave the clip out"
                )
                raise FieldError("cells", problem)
        networks = {(variant.cell, variant.length) for variant in variants}
        require(len(networks) == len(variants), "cells", self.cells, "every cell once")
        labels = {variant.label for variant in variants}
        require(len(labels) == len(variants), "cells", self.cells, "cells with labels that differ")

    def all_seeds(self) -> range:
        """Returns the seeds."""
        return range(self.seed, self.seed + self.seeds)

    def lengths(self) -> tuple[int, ...]:
        """Returns the longest distances, in steps, that gradients are measured over."""
        return self.axes.length or (self.measure.length,)

    def cell_names(self) -> tuple[str, ...]:
        """Returns the names in `cells`; for "all", those of all cells that take vectors."""
        return all_cells() if self.cells.strip() == "all" else tuple(naming.split(self.cells))

    def variants(self) -> list[Variant]:
        """Returns the cells of the study: those that `cells` names, multiplied by the axes.

        Raises:
          TypeError, ValueError: a name leads to no cell, or an axis applies to none.
        """
        return make_variants(self.cell_names(), self.hidden_size, self.measure.length, dataclasses.asdict(self.axes))
