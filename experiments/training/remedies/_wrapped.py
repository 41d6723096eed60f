"""How remedies reach hyper-parameters and recurrent weights of a cell, be it bare or within wrappers."""

import dataclasses
from typing import Any

import jax

from experiments.training.remedies._base import Remedy
from recurrax import RNN, Cell
from recurrax.tasks.task import Task


def with_fields(remedy: Remedy, cell: Cell, **fields: Any) -> Cell:
    """Returns the cell with other hyper-parameters; those of the innermost, if it is wrapped."""
    own = {field.name for field in dataclasses.fields(cell)}  # pyright: ignore[reportArgumentType]
    if set(fields) <= own:
        return dataclasses.replace(cell, **fields)  # pyright: ignore[reportArgumentType]
    if "cell" in own:
        inner = with_fields(remedy, cell.cell, **fields)  # pyright: ignore[reportAttributeAccessIssue]
        return dataclasses.replace(cell, cell=inner)  # pyright: ignore[reportArgumentType]
    raise ValueError(f"{type(remedy).__name__} does not fit {type(cell).__name__}, which has no {' or '.join(fields)}.")


def plain_rnn(remedy: Remedy, cell: Cell) -> RNN:
    """Returns the cell, or raises unless it is a plain RNN."""
    if not isinstance(cell, RNN):
        raise ValueError(f"{type(remedy).__name__} does not fit {type(cell).__name__}: it needs a plain RNN.")
    return cell


def length_of(task: Task) -> int:
    """Returns the length of the task's sequences, steps."""
    return jax.eval_shape(lambda: task.batch(0, 0, 1).xs).shape[0]


def require_square_blocks(remedy: Remedy, cell: Cell, task: Task, gates: int | None = None) -> None:
    """Raises unless the cell has one recurrent weight `w_h` of square blocks."""
    params = jax.eval_shape(lambda: cell.init(jax.random.key(0), task.input_size))
    shape = getattr(getattr(innermost(params), "w_h", None), "shape", (0,))
    if len(shape) != 2 or shape[1] % shape[0] or (gates is not None and shape[1] != gates * shape[0]):
        wanted = "one recurrent weight of square blocks" if gates is None else f"a recurrent weight of {gates} blocks"
        raise ValueError(f"{type(remedy).__name__} does not fit {type(cell).__name__}: it needs {wanted}.")


def innermost(params: Any) -> Any:
    """Returns the parameters of the innermost cell of wrappers."""
    while hasattr(params, "inner"):
        params = params.inner
    return params


def with_recurrent_weight(params: Any, w_h: jax.Array) -> Any:
    """Returns the parameters with another recurrent weight of the innermost cell."""
    if hasattr(params, "inner"):
        return params._replace(inner=with_recurrent_weight(params.inner, w_h))
    return params._replace(w_h=w_h)
