"""Whether a cell runs, found out before anything is trained or measured: nothing is computed, only traced."""

import functools
import inspect
import traceback
from pathlib import Path

import jax
import jax.numpy as jnp

from recurrax import Cell, unroll


def why_it_cannot_run(cell: Cell, input_size: int) -> str | None:
    """Returns what is wrong with a cell that cannot take sequences of vectors, a bug of its own among that; or None.

    Args:
      cell: the cell; the same one is tried once in a process.
      input_size: features of a step.
    """
    try:
        return _why(cell, input_size)
    except TypeError as error:  # it has no hash
        return f"{cell!r} cannot run: {error}"


@functools.lru_cache(maxsize=4096)
def _why(cell: Cell, input_size: int) -> str | None:
    if cell.input_ndim != 1:
        return f"{cell!r} takes inputs of {cell.input_ndim} axes each, and sequences of vectors are what there is."

    def run(key, xs):
        return unroll(cell, cell.init(key, input_size), xs, key=key)[1]

    try:
        jax.eval_shape(run, jax.random.key(0), jax.ShapeDtypeStruct((2, 1, input_size), jnp.result_type(float)))
    except Exception as error:  # a cell of the user's own may raise anything
        frame = _culprit(error)
        reason = (str(error).splitlines() or [""])[0][:200]
        return f"{cell!r} cannot run: {type(error).__name__}: {reason} ({frame.filename}, line {frame.lineno})"
    return None


def _culprit(error: Exception) -> traceback.FrameSummary:
    """Returns the innermost line of a traceback that is not in JAX, the library or here; if all are, the innermost."""
    frames = traceback.extract_tb(error.__traceback__)
    known = [Path(inspect.getfile(of)).resolve().parent for of in (jax, Cell)]
    users = [
        f
        for f in frames
        if f.filename != __file__ and not any(folder in Path(f.filename).resolve().parents for folder in known)
    ]
    return users[-1] if users else frames[-1]
