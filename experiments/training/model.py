"""A cell with a linear readout, on a task."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from recurrax import Cell, unroll
from recurrax.tasks.task import Batch, Task


class Model(NamedTuple):
    """Parameters."""

    cell: Any
    readout: Any
    """`w` `[H, O]` and `b` `[O]`."""
    extra: dict[str, Any] = {}  # noqa: RUF012
    """Parameters of remedies, by their names."""


def init_model(cell: Cell, task: Task, key: jax.Array) -> Model:
    """Draws a model; the readout has the variance 1 / H and no bias."""
    key_cell, key_readout = jax.random.split(key)
    params = cell.init(key_cell, task.input_size)
    xs = jax.ShapeDtypeStruct((1, task.input_size), jnp.result_type(float))
    _, ys = jax.eval_shape(functools.partial(unroll, cell), params, xs)
    width, outputs = ys.shape[-1], task.output_size
    w = jax.random.normal(key_readout, (width, outputs)) / jnp.sqrt(jnp.asarray(width, float))
    return Model(params, {"w": w, "b": jnp.zeros(outputs)}, {})


def read(model: Model, ys: Float[Array, "T B H"]) -> Float[Array, "T B O"]:
    """Returns the answers of every step."""
    return ys @ model.readout["w"] + model.readout["b"]


def answers(cell: Cell, model: Model, batch: Batch, **unroll_arguments: Any) -> tuple[Float[Array, "T B O"], Any]:
    """Returns the answers of every step, and the hidden states behind them; what else comes is for `unroll`."""
    _, ys = unroll(cell, model.cell, batch.xs, mask=batch.mask, **unroll_arguments)
    return read(model, ys), ys
