"""What a task is: batches that are a function of (seed, step), a loss, an error, and what both are by chance."""

import abc
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from recurrax._util import checks


class Batch(NamedTuple):
    """Sequences, time first, and what is asked about them."""

    xs: Float[Array, "T B D"]
    targets: Array
    """The answers: `[T, B]` classes, or `[T, B, O]` numbers."""
    weights: Float[Array, "T B"]
    """Share that the answer of a step has in the loss; 0 where nothing is asked."""
    mask: Bool[Array, "T B"] | None = None
    """Which steps exist, for sequences of several lengths; None for all."""
    judged: Bool[Array, "T B"] | None = None
    """Which answers the error counts; None for all that are in the loss."""


class Chance(NamedTuple):
    """What the best blind answer gets.

    A blind answer is one constant for every step. It knows the step, whether the step is asked about, and how answers
    are distributed there. It knows nothing of the inputs. Loss and error each have their own best answer.
    """

    loss: float
    """Mean squared error, or cross-entropy in nats."""
    error: float
    """Share of wrong answers."""


class Solved(NamedTuple):
    """When a task counts as solved, by a published criterion where there is one."""

    measure: str
    """"loss" or "error"."""
    below: float

    def __call__(self, loss: float, error: float) -> bool:
        """Tells whether a mean loss and error, on sequences that were not trained on, meet the criterion."""
        return {"loss": loss, "error": error}[self.measure] < self.below


class Task(abc.ABC):
    """A task: a frozen dataclass of what its sequences are like; all else are pure functions.

    A subclass gives `input_size`, `output_size`, `chance`, `solved` and `_draw`, and either is a `Classification` or a
    `Regression`.
    """

    input_size: int
    """D."""
    output_size: int
    """Numbers that a readout gives per step: a score per class, or the answer itself."""
    solved: Solved
    held_out_size: int | None = None
    """How many sequences are held out; None where there is no end of them."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        jax.tree_util.register_static(cls)

    @property
    @abc.abstractmethod
    def chance(self) -> Chance:
        """Loss and error of the best blind answers, exactly."""

    @abc.abstractmethod
    def _draw(self, key: jax.Array, batch_size: int) -> Batch:
        """Draws sequences; the length T is the same for every key."""

    def draw(self, key: jax.Array, batch_size: int) -> Batch:
        """Draws sequences.

        Args:
          key: one random key.
          batch_size: B.

        Raises:
          TypeError, ValueError: an argument is none of these; the message names it.
        """
        if key is None:
            raise TypeError("key must be a random key, as jax.random.key(0) makes one, got None.")
        checks.key(key)
        checks.count("batch_size", batch_size)
        return self._draw(key, batch_size)

    def batch(self, seed: int | Array, step: int | Array, batch_size: int, *, held_out: bool = False) -> Batch:
        """Returns the batch of a training step, a function of its arguments alone.

        Args:
          seed: of the run, from 0 to 2**32 - 1.
          step: of the training, likewise.
          batch_size: B.
          held_out: draw what no training step sees; `step` is then a number of your own.

        Raises:
          TypeError, ValueError: an argument is none of these; the message names it.
        """
        check_batch(seed, step, batch_size, held_out)
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), int(held_out)), step)
        return self._draw(key, batch_size)

    @abc.abstractmethod
    def losses(self, outputs: Float[Array, "T B O"], targets: Array) -> Float[Array, "T B"]:
        """Returns the loss of every answer.

        Raises:
          TypeError, ValueError: `outputs` is no real array of this shape.
        """

    @abc.abstractmethod
    def wrong(self, outputs: Float[Array, "T B O"], targets: Array) -> Bool[Array, "T B"]:
        """Tells which answers are wrong.

        Raises:
          TypeError, ValueError: as `losses`.
        """

    def loss(self, outputs: Float[Array, "T B O"], batch: Batch) -> Float[Array, ""]:
        """Returns the mean loss of what is asked.

        Raises:
          TypeError, ValueError: as `losses`.
        """
        self._check_outputs(outputs, batch.weights.shape)
        return _mean(self.losses(outputs, batch.targets), batch.weights)

    def error(self, outputs: Float[Array, "T B O"], batch: Batch) -> Float[Array, ""]:
        """Returns the share of wrong answers among what is judged.

        Raises:
          TypeError, ValueError: as `losses`.
        """
        self._check_outputs(outputs, batch.weights.shape)
        judged = batch.weights > 0 if batch.judged is None else batch.judged
        dtype = batch.weights.dtype
        return _mean(self.wrong(outputs, batch.targets).astype(dtype), judged.astype(dtype))

    def _check_outputs(self, outputs: Any, steps: tuple[int, ...]) -> None:
        """Raises unless `outputs` are real numbers `[*steps, output_size]`; others would broadcast, to another loss."""
        if not hasattr(outputs, "shape") or not hasattr(outputs, "dtype"):
            raise TypeError(f"outputs must be an array, got {outputs!r} of type {type(outputs).__name__}.")
        expected = (*steps, self.output_size)
        if jnp.shape(outputs) != expected:
            batch_first = len(expected) == 3 and jnp.shape(outputs) == (expected[1], expected[0], expected[2])
            hint = " Time comes first: jnp.swapaxes(outputs, 0, 1)." if batch_first else ""
            raise ValueError(
                f"outputs must have shape {expected}, [T, B, output_size] of {self!r}, got {jnp.shape(outputs)}.{hint}"
            )
        if not (jnp.issubdtype(outputs.dtype, jnp.floating) or jnp.issubdtype(outputs.dtype, jnp.integer)):
            raise TypeError(f"outputs must be real numbers, got dtype {outputs.dtype}.")


def _mean(values: jax.Array, weights: jax.Array) -> jax.Array:
    # Not 0 * NaN: what is not asked may be anything.
    return jnp.sum(jnp.where(weights > 0, values * weights, 0)) / jnp.sum(weights)


class Classification(Task):
    """A task whose answers are classes; its loss is the cross-entropy in nats."""

    def losses(self, outputs, targets):
        self._check_outputs(outputs, targets.shape)
        scores = outputs - jax.lax.stop_gradient(outputs.max(-1, keepdims=True))
        right = jnp.take_along_axis(scores, targets[..., None], -1)[..., 0]
        return jnp.log(jnp.sum(jnp.exp(scores), -1)) - right

    def wrong(self, outputs, targets):
        self._check_outputs(outputs, targets.shape)
        return jnp.argmax(outputs, -1) != targets


class Regression(Task):
    """A task whose answers are numbers; its loss is the squared error, summed over the numbers of an answer."""

    tolerance: ClassVar[float] = 0.04
    """An answer is right where every number is as close as this (Hochreiter & Schmidhuber 1997: 0.04)."""

    def losses(self, outputs, targets):
        self._check_outputs(outputs, targets.shape[:-1])
        return jnp.sum((outputs - targets) ** 2, -1)

    def wrong(self, outputs, targets):
        self._check_outputs(outputs, targets.shape[:-1])
        return jnp.any(jnp.abs(outputs - targets) > self.tolerance, -1)


def at_the_end(length: int, answers: jax.Array, lengths: jax.Array | None = None) -> dict[str, Any]:
    """Returns the fields of a `Batch` whose sequences are asked about after their last step.

    Args:
      length: T.
      answers: `[B]` or `[B, O]`.
      lengths: of the sequences, `[B]`; None where all have T steps.
    """
    targets = jnp.broadcast_to(answers, (length, *answers.shape))
    batch_size = answers.shape[0]
    steps = jnp.arange(length)[:, None]
    if lengths is None:
        return {
            "targets": targets,
            "weights": jnp.broadcast_to((steps == length - 1).astype(float), (length, batch_size)),
        }
    ends = lengths[None]
    return {"targets": targets, "weights": (steps == ends - 1).astype(float), "mask": steps < ends}


def check_length(task: Any, least: int, reason: str) -> None:
    """Raises unless the task's `length` is an integer of at least `least`, and says why it has to be."""
    checks.positive_int("length", task.length)
    if task.length < least:
        raise ValueError(f"length must be at least {least} for {type(task).__name__}, got {task.length}: {reason}.")


def check_batch(seed: Any, step: Any, batch_size: Any, held_out: Any) -> None:
    """Raises unless these say which batch is meant."""
    checks.seed("seed", seed)
    checks.seed("step", step)
    checks.count("batch_size", batch_size)
    checks.boolean("held_out", held_out)


def with_priors(priors: Any) -> Chance:
    """Returns the chance level of classes: their mean entropy, and the share that is not the likeliest of its step.

    Args:
      priors: `[*steps, K]`, how likely it is that a step is asked about and its answer is class k, up to one factor
        for all.
    """
    priors = np.asarray(priors, np.float64)
    asked = priors.sum(-1, keepdims=True)
    shares = np.divide(priors, asked, out=np.zeros_like(priors), where=asked > 0)
    entropy = -np.sum(priors * np.log(shares, out=np.zeros_like(shares), where=shares > 0))
    return Chance(float(entropy / asked.sum()), float(1 - priors.max(-1).sum() / asked.sum()))
