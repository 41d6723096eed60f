"""What is said to help against vanishing and exploding gradients, each under the name that a config gives it.

A remedy is a frozen dataclass that changes one or more of: the cell, the gradient, how a run is unrolled, the loss, the
parameters after a step. The work is done in `recurrax`; here is how it enters a training. Several go together; those
that change the cell, or the gradient, do so in the order of the list.
"""

import dataclasses
import functools
import sys
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from experiments.training.measure import log_norms
from experiments.training.model import Model, init_model, read
from recurrax import GRU, LSTM, RNN, Cell, catalogue
from recurrax._util import checks, naming
from recurrax.cells.exp_rnn import ExpRNN
from recurrax.cells.layer_norm_gru import LayerNormGRU
from recurrax.cells.layer_norm_lstm import LayerNormLSTM
from recurrax.cells.recurrent_skip_rnn import RecurrentSkipRNN
from recurrax.gradflow import critical_gain, trajectory, truncation
from recurrax.initializers import Chrono, Gaussian, Identity, OrthogonalPerGate
from recurrax.tasks.task import Batch, Task
from recurrax.training.clipping import clip_by_global_norm, clip_by_value
from recurrax.training.constraints import clip_singular_values
from recurrax.training.regularizers import lyapunov_penalty, norm_stabilizer, orthogonality_penalty, pascanu_omega
from recurrax.wrappers.batch_norm import BatchNorm, BatchNormParams
from recurrax.wrappers.dilated import Dilated
from recurrax.wrappers.layer_norm import LayerNorm
from recurrax.wrappers.recurrent_gradient import RecurrentGradient
from recurrax.wrappers.residual import Residual
from recurrax.wrappers.zoneout import Zoneout

MEASURED = 8
"""Sequences that a remedy looks at before training."""
SETTLED = 200
"""Steps that a Lyapunov exponent is measured over, at least."""


class Remedy:
    """A remedy that changes nothing; subclasses override what they change."""

    def cell(self, cell: Cell, task: Task) -> Cell:
        """Returns the cell to train in the place of `cell`.

        Raises:
          ValueError: it does not fit the cell.
        """
        del task
        return cell

    def gradient(self, gradient: Any) -> Any:
        """Returns the gradient that the optimiser gets."""
        return gradient

    def unrolling(self, cell: Cell, task: Task, seed: int) -> dict[str, Any]:
        """Returns arguments of `recurrax.unroll`, settled before the training from this seed begins."""
        del cell, task, seed
        return {}

    def parameters(self, task: Task, width: int, key: jax.Array) -> dict[str, Any]:
        """Returns parameters of its own, under its name; `width` is H, of the hidden states `ys`."""
        del task, width, key
        return {}

    def penalty(
        self, cell: Cell, model: Model, task: Task, batch: Batch, ys: jax.Array, key: jax.Array
    ) -> jax.Array | None:
        """Returns what is added to the loss."""
        del cell, model, task, batch, ys, key

    def constrain(self, cell: Cell, params: Any) -> Any:
        """Returns the cell's parameters after a step of the optimiser."""
        del cell
        return params

    def settle(self, cell: Cell, params: Any, batch: Batch, key: jax.Array) -> Any:
        """Returns the cell's parameters as they are used outside of training; `batch` is one of training."""
        del cell, batch, key
        return params


def _replaced(remedy: Remedy, cell: Cell, **fields: Any) -> Cell:
    """Returns the cell with other hyper-parameters; those of the innermost, if it is wrapped."""
    own = {field.name for field in dataclasses.fields(cell)}  # pyright: ignore[reportArgumentType]
    if set(fields) <= own:
        return dataclasses.replace(cell, **fields)  # pyright: ignore[reportArgumentType]
    if "cell" in own:
        inner = _replaced(remedy, cell.cell, **fields)  # pyright: ignore[reportAttributeAccessIssue]
        return dataclasses.replace(cell, cell=inner)  # pyright: ignore[reportArgumentType]
    raise ValueError(f"{type(remedy).__name__} does not fit {type(cell).__name__}, which has no {' or '.join(fields)}.")


@dataclasses.dataclass(frozen=True)
class Orthogonal(Remedy):
    """Recurrent weights orthogonal at first, gate by gate (Saxe et al. 2014).

    Attributes:
      gain: all singular values.
    """

    gain: float = 1.0

    def cell(self, cell, task):
        return _replaced(self, cell, recurrent_init=OrthogonalPerGate(self.gain))


@dataclasses.dataclass(frozen=True)
class IdentityStart(Remedy):
    """Recurrent weights the identity at first, gate by gate (Le, Jaitly & Hinton 2015).

    Attributes:
      gain: on the diagonal.
    """

    gain: float = 1.0

    def cell(self, cell, task):
        return _replaced(self, cell, recurrent_init=Identity(self.gain))


@dataclasses.dataclass(frozen=True)
class GaussianStart(Remedy):
    """Recurrent weights normal at first, of variance gain^2 / H; what the others are compared with.

    Attributes:
      gain: the spectral radius, for many units.
    """

    gain: float = 1.0

    def cell(self, cell, task):
        return _replaced(self, cell, recurrent_init=Gaussian(self.gain))


@dataclasses.dataclass(frozen=True)
class CriticalStart(Remedy):
    """Recurrent weights normal at first, of the variance at which gradients neither vanish nor explode.

    For a tanh network that is the criticality of mean-field theory (Chen, Pennington & Schoenholz 2018); here it is
    found for any cell by measuring, as the gain at which the leading Lyapunov exponent under the task's inputs is zero.
    """

    def cell(self, cell, task):
        return _replaced(self, cell, recurrent_init=Gaussian(_critical_gain(self, cell, task)))


@functools.lru_cache(maxsize=256)
def _critical_gain(remedy: Remedy, cell: Cell, task: Task) -> float:
    cell = _replaced(remedy, cell, recurrent_init=Gaussian(1.0))
    _recurrent_field(remedy, cell, task)
    xs = task.batch(0, 0, MEASURED).xs
    xs = jnp.tile(xs, (-(-SETTLED // len(xs)), 1, 1))  # what the first state leaves behind is to be over
    return critical_gain(cell, cell.init(jax.random.key(0), task.input_size), xs)


@dataclasses.dataclass(frozen=True)
class ForgetBias(Remedy):
    """A forget gate that is open at first (Gers et al. 2000; Jozefowicz et al. 2015).

    Attributes:
      bias: of the forget gate, or of the gate that keeps the old state.
    """

    bias: float = 1.0

    def cell(self, cell, task):
        return _replaced(self, cell, forget_bias=self.bias)


@dataclasses.dataclass(frozen=True)
class ChronoStart(Remedy):
    """Gate biases spread over the time scales of the task (Tallec & Ollivier 2018).

    Attributes:
      longest: T_max, steps; 0 for the length of the task.
    """

    longest: int = 0

    def cell(self, cell, task):
        longest = self.longest or getattr(task, "length", 0)
        # The paper draws from U(1, T_max - 1).
        return _replaced(self, cell, forget_bias=Chrono(float(max(longest - 1, 2))))


@dataclasses.dataclass(frozen=True)
class ClipNorm(Remedy):
    """The whole gradient scaled down to a norm (Pascanu et al. 2013).

    Attributes:
      max_norm: above which it is scaled.
    """

    max_norm: float = 1.0

    def __post_init__(self):
        checks.positive("max_norm", self.max_norm)

    def gradient(self, gradient):
        return clip_by_global_norm(gradient, self.max_norm)


@dataclasses.dataclass(frozen=True)
class ClipValue(Remedy):
    """Every entry of the gradient clipped (Mikolov 2012).

    Attributes:
      max_value: largest modulus.
    """

    max_value: float = 1.0

    def __post_init__(self):
        checks.positive("max_value", self.max_value)

    def gradient(self, gradient):
        return clip_by_value(gradient, self.max_value)


@dataclasses.dataclass(frozen=True)
class ClipRecurrent(Remedy):
    """The gradient that goes from step to step clipped at every step, per example (Graves 2013).

    Attributes:
      max_norm: of the gradient of the whole state.
    """

    max_norm: float = 1.0

    def cell(self, cell, task):
        return RecurrentGradient(cell, clip_norm=self.max_norm)


@dataclasses.dataclass(frozen=True)
class Truncate(Remedy):
    """Gradients over the last steps only (truncated backpropagation, Williams & Peng 1990).

    Attributes:
      steps: k1 = k2.
    """

    steps: int = 20

    def __post_init__(self):
        checks.positive_int("steps", self.steps)

    def unrolling(self, cell, task, seed):
        return {"truncate_every": self.steps}


@dataclasses.dataclass(frozen=True)
class TruncateAdaptively(Remedy):
    """Truncated backpropagation over as many steps as the measured gradient needs (Aicher, Foti & Fox 2019).

    The paper measures again at every epoch; here once, so that a training compiles once. Nothing is truncated where the
    gradient does not fade.

    Attributes:
      tolerance: share of the summed gradient norms that may be lost.
    """

    tolerance: float = 0.1

    def __post_init__(self):
        checks.finite("tolerance", self.tolerance)
        if not 0 < self.tolerance < 1:
            raise ValueError(f"tolerance must lie between 0 and 1, got {self.tolerance}.")

    def unrolling(self, cell, task, seed):
        model = jax.tree.map(lambda a: a[None], init_model(cell, task, jax.random.key(seed)))
        norms = log_norms(cell, task, model, jnp.array([seed], jnp.int32), MEASURED)[0]
        steps = truncation(norms[::-1], self.tolerance).steps
        return {} if steps is None or steps >= len(norms) - 1 else {"truncate_every": max(1, steps)}


@dataclasses.dataclass(frozen=True)
class Omega(Remedy):
    """Steps that keep the norm of what goes back through them (Pascanu et al. 2013).

    Attributes:
      weight: alpha.
    """

    weight: float = 2.0

    def penalty(self, cell, model, task, batch, ys, key):
        def loss(ys, carry):
            return task.loss(read(model, ys), batch) * ys.shape[1]

        return self.weight * pascanu_omega(trajectory(cell, model.cell, batch.xs, mask=batch.mask, key=key), loss)


@dataclasses.dataclass(frozen=True)
class StabilizeNorm(Remedy):
    """Hidden states of one norm (Krueger & Memisevic 2016).

    Attributes:
      weight: beta.
    """

    weight: float = 50.0

    def penalty(self, cell, model, task, batch, ys, key):
        return self.weight * norm_stabilizer(ys, batch.mask)


@dataclasses.dataclass(frozen=True)
class Floss(Remedy):
    """Leading Lyapunov exponents drawn to zero (gradient flossing, Engelken 2023), at every step, along one example.

    Attributes:
      weight: of the penalty.
      exponents: how many.
    """

    weight: float = 1.0
    exponents: int = 8

    def __post_init__(self):
        checks.positive_int("exponents", self.exponents)

    def penalty(self, cell, model, task, batch, ys, key):
        return self.weight * lyapunov_penalty(trajectory(cell, model.cell, batch.xs[:, 0], key=key), k=self.exponents)


@dataclasses.dataclass(frozen=True)
class SoftOrthogonal(Remedy):
    """Recurrent weights drawn to orthogonal ones, gate by gate (Vorontsov et al. 2017).

    Attributes:
      weight: of the penalty.
    """

    weight: float = 0.1

    def cell(self, cell, task):
        _recurrent_field(self, cell, task)
        return cell

    def penalty(self, cell, model, task, batch, ys, key):
        weight = _inner(model.cell).w_h
        return self.weight * orthogonality_penalty(weight, gates=weight.shape[1] // weight.shape[0])


@dataclasses.dataclass(frozen=True)
class SpectralMargin(Remedy):
    """Singular values of the recurrent weights kept near 1, gate by gate (Vorontsov et al. 2017).

    Attributes:
      margin: largest distance from 1.
    """

    margin: float = 0.1

    def cell(self, cell, task):
        _recurrent_field(self, cell, task)
        return cell

    def constrain(self, cell, params):
        weight = _inner(params).w_h
        gates = weight.shape[1] // weight.shape[0]
        return _with_inner(params, clip_singular_values(weight, 1 - self.margin, 1 + self.margin, gates=gates))


@dataclasses.dataclass(frozen=True)
class BoundCandidate(Remedy):
    """The recurrent weight of a GRU's candidate bounded, so that a GRU at rest cannot explode (Kanai et al. 2017).

    Attributes:
      bound: of its largest singular value, below 2.
    """

    bound: float = 1.95

    def cell(self, cell, task):
        _recurrent_field(self, cell, task, gates=3)
        return cell

    def constrain(self, cell, params):
        weight = _inner(params).w_h
        gates, candidate = jnp.split(weight, [2 * weight.shape[0]], axis=1)
        return _with_inner(params, jnp.concatenate([gates, clip_singular_values(candidate, 0.0, self.bound)], axis=1))


@dataclasses.dataclass(frozen=True)
class ZoneOut(Remedy):
    """Units that keep their state by chance (Krueger et al. 2017).

    Attributes:
      rate: how likely.
    """

    rate: float = 0.1

    def cell(self, cell, task):
        return Zoneout(cell, rate=self.rate)


@dataclasses.dataclass(frozen=True)
class NormalizeLayer(Remedy):
    """Layer normalisation (Ba et al. 2016): within LSTM and GRU, of their products and, in the LSTM, the cell state.

    Around other cells: of their outputs.
    """

    def cell(self, cell, task):
        normalized = {LSTM: LayerNormLSTM, GRU: LayerNormGRU}.get(type(cell))
        if normalized is None:
            return LayerNorm(cell)
        known = {field.name for field in dataclasses.fields(normalized)}
        own = {f.name: getattr(cell, f.name) for f in dataclasses.fields(cell) if f.name in known}  # pyright: ignore[reportArgumentType]
        return normalized(**own)


@dataclasses.dataclass(frozen=True)
class NormalizeBatch(Remedy):
    """Recurrent batch normalisation, with statistics of every step (Cooijmans et al. 2017).

    Attributes:
      gain: of what is normalised, at first.
    """

    gain: float = 0.1

    def cell(self, cell, task):
        return BatchNorm(cell, gain=self.gain, steps=_length(task))

    def settle(self, cell, params, batch, key):
        return _settled(cell, params, batch.xs, key)


def _settled(cell: Any, params: Any, xs: jax.Array, key: jax.Array) -> Any:
    """Returns the parameters with the statistics of the normalisation, as they are without wrappers around it."""
    if isinstance(cell, BatchNorm):
        return cell.with_statistics(params, xs, key=key)
    if isinstance(params, BatchNormParams):  # of a wrapper without parameters
        return _settled(cell.cell, params, xs, key)
    return params._replace(inner=_settled(cell.cell, params.inner, xs, key))


@dataclasses.dataclass(frozen=True)
class Reconstruct(Remedy):
    """Inputs of the last steps read back from the state at a random step, beside the task (Trinh et al. 2018).

    By a linear readout, where the paper has a second recurrent network.

    Attributes:
      weight: of the mean squared error.
      steps: how many inputs.
    """

    weight: float = 0.1
    steps: int = 8

    def __post_init__(self):
        checks.positive_int("steps", self.steps)

    def cell(self, cell, task):
        if self.steps > _length(task):
            raise ValueError(f"Reconstruct must go back at most {_length(task)} steps here, got steps={self.steps}.")
        return cell

    def parameters(self, task, width, key):
        shape = (width, self.steps * task.input_size)
        return {"reconstruct": jax.random.normal(key, shape) / jnp.sqrt(jnp.asarray(width, float))}

    def penalty(self, cell, model, task, batch, ys, key):
        end = jax.random.randint(key, (), self.steps, len(ys) + 1)
        past = jax.lax.dynamic_slice_in_dim(batch.xs, end - self.steps, self.steps)
        wanted = jnp.moveaxis(past, 0, 1).reshape(ys.shape[1], -1)
        read_back = jax.lax.dynamic_index_in_dim(ys, end - 1, keepdims=False) @ model.extra["reconstruct"]
        return self.weight * jnp.mean((read_back - wanted) ** 2)


@dataclasses.dataclass(frozen=True)
class SkipRecurrence(Remedy):
    """A second recurrence from so many steps before, beside that from the last one (Zhang et al. 2016); of a plain RNN.

    Attributes:
      steps: of the second one.
    """

    steps: int = 8

    def cell(self, cell, task):
        cell = _plain_rnn(self, cell)
        return RecurrentSkipRNN(cell.hidden_size, skip=self.steps, activation=cell.activation)


@dataclasses.dataclass(frozen=True)
class ConstrainOrthogonal(Remedy):
    """A recurrent matrix that stays orthogonal (expRNN, Lezcano-Casado & Martinez-Rubio 2019); of a plain RNN."""

    def cell(self, cell, task):
        cell = _plain_rnn(self, cell)
        return ExpRNN(cell.hidden_size, activation=cell.activation)


@dataclasses.dataclass(frozen=True)
class Dilate(Remedy):
    """A state that goes on from so many steps before (dilated recurrence, Chang et al. 2017).

    Attributes:
      steps: of the dilation.
    """

    steps: int = 4

    def cell(self, cell, task):
        return Dilated(cell, dilation=self.steps)


@dataclasses.dataclass(frozen=True)
class Shortcut(Remedy):
    """The input added to the output, for a cell as wide as its input."""

    def cell(self, cell, task):
        return Residual(cell)


def _plain_rnn(remedy: Remedy, cell: Cell) -> RNN:
    """Returns the cell, or raises unless it is a plain RNN."""
    if not isinstance(cell, RNN):
        raise ValueError(f"{type(remedy).__name__} does not fit {type(cell).__name__}: it needs a plain RNN.")
    return cell


def _length(task: Task) -> int:
    return jax.eval_shape(lambda: task.batch(0, 0, 1).xs).shape[0]


def _recurrent_field(remedy: Remedy, cell: Cell, task: Task, gates: int | None = None) -> None:
    """Raises unless the cell has one recurrent weight `w_h` of square blocks."""
    params = jax.eval_shape(lambda: cell.init(jax.random.key(0), task.input_size))
    shape = getattr(getattr(_inner(params), "w_h", None), "shape", (0,))
    if len(shape) != 2 or shape[1] % shape[0] or (gates is not None and shape[1] != gates * shape[0]):
        wanted = "one recurrent weight of square blocks" if gates is None else f"a recurrent weight of {gates} blocks"
        raise ValueError(f"{type(remedy).__name__} does not fit {type(cell).__name__}: it needs {wanted}.")


def _inner(params: Any) -> Any:
    """Returns the parameters of the innermost cell of wrappers."""
    while hasattr(params, "inner"):
        params = params.inner
    return params


def _with_inner(params: Any, w_h: jax.Array) -> Any:
    if hasattr(params, "inner"):
        return params._replace(inner=_with_inner(params.inner, w_h))
    return params._replace(w_h=w_h)


def all_remedies() -> Mapping[str, type[Remedy]]:
    """Returns the remedies by the names that configs write."""
    return catalogue.units(sys.modules[__name__], Remedy)


def make_remedies(text: str) -> tuple[Remedy, ...]:
    """Makes the remedies that a text lists, e.g. "forget_bias(1.0), clip_norm(1.0)"; none for an empty text.

    Raises:
      TypeError, ValueError: there is no such remedy; a field is unknown or has a wrong value.
    """
    names = naming.split(text) if text.strip() else []
    make = functools.partial(catalogue.make, package=sys.modules[__name__], base=Remedy)
    return tuple(make(name, kind="remedy", example="clip_norm(1.0)") for name in names)
