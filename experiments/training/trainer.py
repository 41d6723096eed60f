"""The training itself: a pure function from state to state, many steps per call, compiled once."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int

from experiments.training.config import Training
from experiments.training.model import Model, answers, init_model
from experiments.training.remedies import Remedy
from recurrax import Cell
from recurrax.clipping import global_norm
from recurrax.tasks.task import Task

_INIT, _NOISE = 0, 1
"""Folded into the seed: what is drawn for parameters, and at every step."""


class State(NamedTuple):
    """All that a training needs to go on; what a checkpoint holds."""

    step: Int[Array, ""]
    """Training steps done."""
    model: Model
    optimizer: Any
    loss_sum: Float[Array, ""]
    """Of the losses since the last line of metrics, penalties included."""
    largest_gradient: Float[Array, ""]
    """Largest norm of a gradient since then, before any clipping."""
    finite: Bool[Array, ""]
    """False once a loss or a gradient was not; the step that it was in then changed nothing."""


def optimizer(config: Training) -> optax.GradientTransformation:
    """Returns the optimiser that the config names."""
    if config.optimizer == "momentum":
        return optax.sgd(config.learning_rate, momentum=0.9)
    return getattr(optax, config.optimizer)(config.learning_rate)


class Trainer:
    """Trains a cell on a task; batch and noise of a step depend on nothing but the seed and the step.

    Attributes:
      cell: the cell, as the remedies have it.
      task: the task.
    """

    def __init__(self, config: Training):
        self.config, self.cell, self.task = config, config.make_cell(), config.make_task()
        self._remedies = config.make_remedies()
        self._optimizer = optimizer(config)
        self._advance = jax.jit(self._run, donate_argnums=0)
        self._evaluate = jax.jit(functools.partial(evaluate, self.cell, self.task, config))

    def start(self) -> State:
        """Returns the state before the first step."""

        def start(seed):
            model = init_model(self.cell, self.task, _key(seed, _INIT))
            model = model._replace(cell=self._constrained(model.cell))
            zero = jnp.zeros(())
            return State(jnp.zeros((), jnp.int32), model, self._optimizer.init(model), zero, zero, jnp.array(True))

        return jax.jit(start)(self.config.seed)

    def advance(self, state: State, until: int) -> State:
        """Trains up to step `until`, or to a step whose loss or gradient is not finite; `state` is used up."""
        return self._advance(state, jnp.asarray(until, jnp.int32))

    def evaluate(self, state: State) -> tuple[float, float]:
        """Returns mean loss and error on the held-out sequences, the same at every call."""
        loss, error = self._evaluate(state.model)
        return float(loss), float(error)

    def _run(self, state: State, until: jax.Array) -> State:
        # The compiled body is one, however many steps a call does: neither bits nor compilations depend on it.
        return jax.lax.while_loop(lambda s: (s.step < until) & s.finite, self._train_step, state)

    def _train_step(self, state: State) -> State:
        batch = self.task.batch(self.config.seed, state.step, self.config.batch)
        key = jax.random.fold_in(_key(self.config.seed, _NOISE), state.step)
        loss, gradient = jax.value_and_grad(functools.partial(objective, self.cell, self.task, self._remedies))(
            state.model, batch, key
        )
        norm = global_norm(gradient)
        for remedy in self._remedies:
            gradient = remedy.gradient(gradient)
        updates, new_optimizer = self._optimizer.update(gradient, state.optimizer, state.model)
        model = optax.apply_updates(state.model, updates)
        model = Model(self._constrained(model.cell), model.readout)  # pyright: ignore[reportAttributeAccessIssue]
        finite = jnp.isfinite(loss) & jnp.isfinite(norm)
        new = State(
            state.step + 1,
            model,
            new_optimizer,
            state.loss_sum + loss,
            jnp.maximum(state.largest_gradient, norm.astype(state.largest_gradient.dtype)),
            finite,
        )
        return jax.tree.map(functools.partial(jnp.where, finite), new, state._replace(finite=finite))

    def _constrained(self, params: Any) -> Any:
        for remedy in self._remedies:
            params = remedy.constrain(self.cell, params)
        return params


def objective(
    cell: Cell, task: Task, remedies: tuple[Remedy, ...], model: Model, batch: Any, key: jax.Array
) -> Float[Array, ""]:
    """Returns the loss of a batch with all penalties."""
    how: dict[str, Any] = {}
    for remedy in remedies:
        how |= remedy.unrolling()
    outputs, ys = answers(cell, model, batch, key=key, **how)
    loss = task.loss(outputs, batch)
    for n, remedy in enumerate(remedies):
        penalty = remedy.penalty(cell, model, task, batch, ys, jax.random.fold_in(key, n))
        loss = loss if penalty is None else loss + penalty
    return loss


def evaluate(cell: Cell, task: Task, config: Training, model: Model) -> tuple[jax.Array, jax.Array]:
    """Returns mean loss and error on `eval_batches` held-out batches, without noise."""

    def one(number):
        batch = task.batch(config.seed, number, config.batch, held_out=True)
        outputs, _ = answers(cell, model, batch)
        return task.loss(outputs, batch), task.error(outputs, batch)

    losses, errors = jax.lax.map(one, jnp.arange(config.eval_batches))
    return losses.mean(), errors.mean()


def _key(seed: int | jax.Array, purpose: int) -> jax.Array:
    # Batches are drawn from the seed's own key; these come from another one.
    return jax.random.fold_in(jax.random.key(seed), 2**31 + purpose)
