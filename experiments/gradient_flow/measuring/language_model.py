"""A character language model: one recurrent cell and a linear readout, trained on many seeds side by side."""

import functools
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from experiments.common.errors import ExperimentError
from experiments.gradient_flow.config import Train
from experiments.gradient_flow.measuring.sources import Source, TextSource
from experiments.gradient_flow.measuring.text import batch
from recurrax import Cell, unroll


class Model(NamedTuple):
    """Parameters; every leaf has a leading axis for the seed."""

    cell: Any
    readout: Any


@functools.partial(jax.jit, static_argnums=(0, 1))
def init_model(cell: Cell, source: Source, seeds: Int[Array, "S"]) -> Model:
    """Draws one model per seed."""

    def init(seed):
        key_cell, key_readout = jax.random.split(jax.random.key(seed))
        params = cell.init(key_cell, source.input_size)
        xs = jax.ShapeDtypeStruct((1, source.input_size), jnp.float32)
        _, ys = jax.eval_shape(functools.partial(unroll, cell), params, xs)
        return Model(params, source.init_readout(key_readout, ys.shape[-1]))

    return jax.vmap(init)(seeds)


class Training(NamedTuple):
    """State of a training, all that its next step needs."""

    step: Int[Array, ""]
    seeds: Int[Array, "S"]
    model: Model
    optimizer: Any
    losses: Float[Array, "S N"]
    """Loss of every training step, nats per symbol; NaN for those to come."""


def as_arrays(training: Training) -> dict[str, np.ndarray]:
    """Returns a state as arrays to be kept; `Trainer.resume` is the way back."""
    *leaves, losses = jax.tree.leaves(training)
    done = np.asarray(losses)[:, : int(training.step)]
    return {"losses": done, **{f"state/{n}": np.asarray(leaf) for n, leaf in enumerate(leaves)}}


class Trainer:
    """Trains seeds side by side; the batch of a step depends on nothing but the seed and the step.

    One trainer, compiled once, serves all cells that run the same program.
    """

    def __init__(self, cell: Cell, source: TextSource, config: Train):
        self._cell, self._source, self._config = cell, source, config
        self._optimizer = optax.chain(optax.clip_by_global_norm(config.clip_norm), optax.adam(config.learning_rate))
        self._ids = jnp.asarray(source.text.train)
        self._advance = jax.jit(self._run, donate_argnums=0)
        self._init_optimizer = jax.jit(jax.vmap(self._optimizer.init))

    def start(self, model: Model, seeds: Int[Array, "S"]) -> Training:
        """Returns the state before the first step."""
        losses = jnp.full((len(seeds), self._config.snapshots[-1]), jnp.nan)
        # The state is donated to every advance: the caller keeps its own model.
        model = jax.tree.map(jnp.copy, model)
        return Training(jnp.zeros((), jnp.int32), jnp.copy(seeds), model, self._init_optimizer(model), losses)

    def resume(self, arrays: Mapping[str, np.ndarray], model: Model) -> Training:
        """Returns a state from what `as_arrays` made of it, for a training that may have become longer.

        Args:
          arrays: what was kept.
          model: one of the same structure.
        """
        like = jax.eval_shape(self.start, model, jax.ShapeDtypeStruct((len(arrays["losses"]),), jnp.int32))
        leaves = [jnp.asarray(arrays[f"state/{n}"]) for n in range(len(jax.tree.leaves(like)) - 1)]
        losses = jnp.full(like.losses.shape, jnp.nan).at[:, : arrays["losses"].shape[1]].set(arrays["losses"])
        return jax.tree.unflatten(jax.tree.structure(like), [*leaves, losses])

    def advance(self, training: Training, until: int, stride: int = 20) -> Iterator[Training]:
        """Trains up to step `until`, yielding the state every `stride` steps.

        Raises:
          ExperimentError: a loss is no longer finite.
        """
        step = int(training.step)
        while step < until:
            last, step = step, min(step + stride, until)
            training = self._advance(training, jnp.asarray(step, jnp.int32))
            if not np.isfinite(np.asarray(training.losses)[:, last:step]).all():
                raise ExperimentError(
                    f"The loss of {type(self._cell).__name__} became NaN or inf before training step {step}.\n"
                    "Try a smaller config.train.learning_rate or config.train.clip_norm."
                )
            yield training

    def _run(self, training: Training, until: jax.Array) -> Training:
        return jax.lax.while_loop(lambda t: t.step < until, self._train_step, training)

    def _train_step(self, training: Training) -> Training:
        def one_seed(seed, model, optimizer):
            ids, targets = batch(self._ids, seed, training.step, self._config.batch, self._config.length)
            loss, gradient = jax.value_and_grad(self._loss)(model, ids, targets)
            updates, optimizer = self._optimizer.update(gradient, optimizer, model)
            return loss, Model(*optax.apply_updates(model, updates)), optimizer  # pyright: ignore[reportGeneralTypeIssues]

        losses, model, optimizer = jax.vmap(one_seed)(training.seeds, training.model, training.optimizer)
        return training._replace(
            step=training.step + 1,
            model=model,
            optimizer=optimizer,
            losses=training.losses.at[:, training.step].set(losses),
        )

    def _loss(self, model: Model, ids: Int[Array, "T B"], targets: Int[Array, "T B"]) -> Float[Array, ""]:
        _, ys = unroll(self._cell, model.cell, jax.nn.one_hot(ids, self._source.input_size))
        return self._source.losses(model.readout, ys, targets).mean()


@functools.partial(jax.jit, static_argnums=0)
def mean_losses(
    source: TextSource, models: Model, ys: Float[Array, "S T B H"], targets: Int[Array, "T B"]
) -> Float[Array, "S"]:
    """Returns the mean cross-entropy of all predictions of every seed's outputs, nats per symbol."""
    return jax.vmap(lambda model, ys: source.losses(model.readout, ys, targets).mean())(models, ys)
