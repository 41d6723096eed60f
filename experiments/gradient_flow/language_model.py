"""A character language model: one recurrent cell and a linear readout, trained on many seeds side by side."""

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from experiments.common.errors import ExperimentError
from experiments.gradient_flow.config import Train
from experiments.gradient_flow.sources import Source, TextSource
from experiments.gradient_flow.text import batch
from recurrax import Cell, unroll


class Model(NamedTuple):
    """Parameters; every leaf has a leading axis for the seed."""

    cell: Any
    readout: Any


def init_model(cell: Cell, source: Source, seeds: Int[Array, "S"]) -> Model:
    """Draws one model per seed."""

    def init(seed):
        key_cell, key_readout = jax.random.split(jax.random.key(seed))
        params = cell.init(key_cell, source.input_size)
        xs = jax.ShapeDtypeStruct((1, source.input_size), jnp.float32)
        _, ys = jax.eval_shape(functools.partial(unroll, cell), params, xs)
        return Model(params, source.init_readout(key_readout, ys.shape[-1]))

    return jax.jit(jax.vmap(init))(seeds)


class Training(NamedTuple):
    """State of a training."""

    step: Int[Array, ""]
    model: Model
    optimizer: Any
    losses: Float[Array, "S N"]
    """Loss of every training step, nats per symbol; NaN for those to come."""


class Trainer:
    """Trains all seeds between snapshots; the batch of a step depends on nothing but the seed and the step."""

    def __init__(self, cell: Cell, source: TextSource, config: Train, seeds: Int[Array, "S"]):
        self._cell, self._source, self._config, self._seeds = cell, source, config, seeds
        self._optimizer = optax.chain(optax.clip_by_global_norm(config.clip_norm), optax.adam(config.learning_rate))
        self._ids = jnp.asarray(source.text.train)
        self._advance = jax.jit(self._run, donate_argnums=0)

    def start(self, model: Model) -> Training:
        """Returns the state before the first step."""
        losses = jnp.full((len(self._seeds), self._config.snapshots[-1]), jnp.nan)
        # The state is donated to every advance: the caller keeps its own model.
        model = jax.tree.map(jnp.copy, model)
        return Training(jnp.zeros((), jnp.int32), model, jax.jit(jax.vmap(self._optimizer.init))(model), losses)

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

        losses, model, optimizer = jax.vmap(one_seed)(self._seeds, training.model, training.optimizer)
        return Training(training.step + 1, model, optimizer, training.losses.at[:, training.step].set(losses))

    def _loss(self, model: Model, ids: Int[Array, "T B"], targets: Int[Array, "T B"]) -> Float[Array, ""]:
        _, ys = unroll(self._cell, model.cell, jax.nn.one_hot(ids, self._source.input_size))
        return self._source.losses(model.readout, ys, targets).mean()


@functools.partial(jax.jit, static_argnums=0)
def mean_losses(
    source: TextSource, models: Model, ys: Float[Array, "S T B H"], targets: Int[Array, "T B"]
) -> Float[Array, "S"]:
    """Returns the mean cross-entropy of all predictions of every seed's outputs, nats per symbol."""
    return jax.vmap(lambda model, ys: source.losses(model.readout, ys, targets).mean())(models, ys)
