"""The training itself: a pure function from state to state, many steps per call, compiled once."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int

from experiments.training.config import Training
from experiments.training.model import Model, answers, init_model
from experiments.training.remedies import Remedy
from experiments.training.success import confirmation
from recurrax import Cell
from recurrax.tasks.task import Task
from recurrax.training.clipping import global_norm

_INIT, _NOISE, _EXTRA, _GRADIENT = 0, 1, 2, 3
"""Folded into the seed for what is drawn: parameters, noise of a step, parameters of remedies, noise on gradients."""


SETTLING = 8
"""Training batches that population statistics are estimated from."""


class State(NamedTuple):
    """All that a training needs to go on; what a checkpoint holds. Every leaf begins with the axis of seeds."""

    seed: Int[Array, "S"]
    step: Int[Array, "S"]
    """Training steps done."""
    model: Model
    optimizer: Any
    """State of the remedies that change the gradient, and of the optimiser behind them."""
    loss_sum: Float[Array, "S"]
    """Of the losses since the last line of metrics, penalties included."""
    largest_gradient: Float[Array, "S"]
    """Largest norm of a gradient since then, before any remedy."""
    finite: Bool[Array, "S"]
    """False once a loss or a gradient was not; the step that it was in then changed nothing."""
    solved: Bool[Array, "S"]
    """True once its task is solved, where training ends with that."""

    @property
    def running(self) -> Bool[Array, "S"]:
        """Which seeds train on."""
        return self.finite & ~self.solved


def optimizer(config: Training, learning_rate: float | jax.Array) -> optax.GradientTransformation:
    """Returns the optimiser that a remedy is, or else the one that the config names; the rate may be traced."""
    if config.optimizers:
        found = config.optimizers[0].optimizer()
        assert found is not None  # which is what is listed there
        return found
    if config.optimizer == "momentum":
        return optax.sgd(learning_rate, momentum=0.9)
    return getattr(optax, config.optimizer)(learning_rate)


class Trainer:
    """Trains a cell on a task from several seeds at once; batch and noise depend on seed and step alone.

    The seeds are a batch axis of one compiled program, also where there is but one.

    Attributes:
      config: what is trained.
      cell: the cell, as the remedies have it.
      task: the task.
      unroll_arguments: what `recurrax.unroll` is called with in training.
    """

    def __init__(self, config: Training):
        self.config, self.cell, self.task = config, config.make_cell(), config.make_task()
        self._remedies = config.make_remedies()
        self.unroll_arguments: dict[str, Any] = {}
        for remedy in self._remedies:
            self.unroll_arguments |= remedy.unroll_arguments(self.cell, self.task, config.seed)
        self._advance = jax.jit(self._train_until, donate_argnums=0)
        self._settle = jax.jit(jax.vmap(self._settled))
        self.confirmation = confirmation(self.task, config.confirm)
        self._evaluate = self._scorer(config.batch)
        self._confirm = self.confirmation and self._scorer(self.confirmation.size)

    def start(self) -> State:
        """Returns the state before the first step."""

        def start(seed):
            model = init_model(self.cell, self.task, _key(seed, _INIT))
            extra = {}
            for n, remedy in enumerate(self._remedies):
                width, key = model.readout["w"].shape[0], jax.random.fold_in(_key(seed, _EXTRA), n)
                extra |= remedy.parameters(self.task, width, key)
            model = model._replace(cell=self._constrained(model.cell), extra=extra)
            zero, no = jnp.zeros(()), jnp.array(False)
            begun = self.transformation(seed, self.config.learning_rate).init(model)
            return State(seed, jnp.zeros((), jnp.int32), model, begun, zero, zero, ~no, no)

        seeds = self.config.seed + np.arange(self.config.seeds, dtype=np.int32)
        return jax.jit(jax.vmap(start))(seeds)

    def advance(self, state: State, until: int) -> State:
        """Trains up to step `until`; a seed stops where its loss or gradient is not finite. `state` is used up."""
        # As an argument: trainings that differ in the learning rate alone are one program.
        rate = jnp.asarray(self.config.learning_rate, jnp.float32)
        return self._advance(state, jnp.asarray(until, jnp.int32), rate)

    def evaluate(self, state: State) -> tuple[np.ndarray, np.ndarray]:
        """Returns mean loss and error `[S]` on the held-out sequences, the same at every call."""
        numbers = jnp.arange(self.config.eval_batches)
        loss, error = self._evaluate(state.seed, self.settled(state), numbers)
        return np.asarray(loss), np.asarray(error)

    def confirm(self, state: State, step: int, between: Callable[[], None]) -> tuple[np.ndarray, np.ndarray]:
        """Returns mean loss and error `[S]` on the sequences that a success after `step` is confirmed on.

        Args:
          state: after that step.
          step: training steps done.
          between: called before every batch; it may raise.

        Raises:
          ValueError: no success is to be confirmed.
        """
        if self.confirmation is None or self._confirm is None:
            raise ValueError("the config asks for no confirmation.")
        models, scores = self.settled(state), []
        for batch in range(self.confirmation.batches):
            between()
            number = jnp.asarray([self.confirmation.number(step, batch)], jnp.uint32)
            scores.append(np.asarray(self._confirm(state.seed, models, number)))
        loss, error = np.moveaxis(np.asarray(scores, np.float64), 1, 0)
        return loss.mean(0), error.mean(0)

    def settled(self, state: State) -> Model:
        """Returns the models as they are used outside of training: with population statistics where there are any."""
        if all(type(remedy).settle is Remedy.settle for remedy in self._remedies):
            return state.model
        return self._settle(state.seed, state.model)

    def _scorer(self, size: int) -> Callable[..., Any]:
        """Returns a compiled `evaluate` of all seeds, on batches of that size."""
        return jax.jit(jax.vmap(functools.partial(evaluate, self.cell, self.task, size), in_axes=(0, 0, None)))

    def transformation(
        self, seed: jax.Array, learning_rate: float | jax.Array
    ) -> optax.GradientTransformationExtraArgs:
        """Returns the remedies that change the gradient, in their order, and the optimiser behind them."""
        keys = (jax.random.fold_in(_key(seed, _GRADIENT), n) for n in range(len(self._remedies)))
        found = (remedy.transformation(key) for remedy, key in zip(self._remedies, keys, strict=True))
        chain = optax.chain(*(t for t in found if t is not None), optimizer(self.config, learning_rate))
        return optax.with_extra_args_support(chain)

    def _settled(self, seed: jax.Array, model: Model) -> Model:
        batch = self.task.batch(seed, 0, SETTLING * self.config.batch)
        for remedy in self._remedies:
            model = model._replace(cell=remedy.settle(self.cell, model.cell, batch, _key(seed, _NOISE)))
        return model

    def _train_until(self, state: State, until: jax.Array, learning_rate: jax.Array) -> State:
        # The compiled body is one, however many steps a call does: neither bits nor compilations depend on it.
        def unfinished(state):
            return jnp.any(state.running & (state.step < until))

        step = functools.partial(self._train_step, learning_rate)
        return jax.lax.while_loop(unfinished, jax.vmap(step), state)

    def _train_step(self, learning_rate: jax.Array, state: State) -> State:
        """Does a step from one seed; it changes nothing where that seed does not train on."""
        batch = self.task.batch(state.seed, state.step, self.config.batch)
        key = jax.random.fold_in(_key(state.seed, _NOISE), state.step)
        loss_of = functools.partial(objective, self.cell, self.task, self._remedies, self.unroll_arguments)
        loss, gradient = jax.value_and_grad(loss_of)(state.model, batch, key)
        norm = global_norm(gradient)
        updates, new_optimizer = self.transformation(state.seed, learning_rate).update(
            gradient,
            state.optimizer,
            state.model,
            value=loss,
            value_fn=functools.partial(loss_of, batch=batch, key=key),
            network=functools.partial(network, self.cell, self.unroll_arguments, batch=batch, key=key),
            loss=functools.partial(self.task.loss, batch=batch),
        )
        model = optax.apply_updates(state.model, updates)
        model = model._replace(cell=self._constrained(model.cell))  # pyright: ignore[reportAttributeAccessIssue]
        finite = jnp.isfinite(loss) & jnp.isfinite(norm)
        new = state._replace(
            step=state.step + 1,
            model=model,
            optimizer=new_optimizer,
            loss_sum=state.loss_sum + loss,
            largest_gradient=jnp.maximum(state.largest_gradient, norm.astype(state.largest_gradient.dtype)),
        )
        old = state._replace(finite=state.finite & (finite | state.solved))
        return jax.tree.map(functools.partial(jnp.where, finite & state.running), new, old)

    def _constrained(self, params: Any) -> Any:
        for remedy in self._remedies:
            params = remedy.constrain(self.cell, params)
        return params


def objective(
    cell: Cell,
    task: Task,
    remedies: tuple[Remedy, ...],
    unroll_arguments: dict[str, Any],
    model: Model,
    batch: Any,
    key: jax.Array,
) -> Float[Array, ""]:
    """Returns the loss of a batch with all penalties."""
    outputs, ys = answers(cell, model, batch, key=key, **unroll_arguments)
    loss = task.loss(outputs, batch)
    for n, remedy in enumerate(remedies):
        penalty = remedy.penalty(cell, model, task, batch, ys, jax.random.fold_in(key, n))
        loss = loss if penalty is None else loss + penalty
    return loss


def network(
    cell: Cell, unroll_arguments: dict[str, Any], model: Model, batch: Any, key: jax.Array
) -> tuple[Float[Array, "T B O"], Float[Array, "T B H"]]:
    """Returns the answers of every step, and the hidden states, so scaled that their squares add up to a mean."""
    outputs, ys = answers(cell, model, batch, key=key, **unroll_arguments)
    return outputs, ys / jnp.sqrt(jnp.asarray(ys.shape[1], ys.dtype))


def evaluate(
    cell: Cell, task: Task, size: int, seed: jax.Array, model: Model, numbers: Int[Array, "N"]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Returns mean loss and error on the held-out batches of these numbers, `size` sequences each, without noise."""

    def one(number):
        batch = task.batch(seed, number, size, held_out=True)
        outputs, _ = answers(cell, model, batch)
        return task.loss(outputs, batch), task.error(outputs, batch)

    losses, errors = jax.lax.map(one, numbers)
    return losses.mean(), errors.mean()


def _key(seed: jax.Array, purpose: int) -> jax.Array:
    # Batches are drawn from the seed's own key; these come from another one.
    return jax.random.fold_in(jax.random.key(seed), 2**31 + purpose)
