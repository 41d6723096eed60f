"""Executors in chunks of time: to keep less for the backward pass, or to cut it."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.export import is_symbolic_dim

from recurrax._util.float_leaves import widened
from recurrax._util.sizes import at_most, part
from recurrax.cell import Carry
from recurrax.engine import meshes
from recurrax.engine.run import Inputs, Run, in_processing_order

Execute = Callable[[Run], tuple[Carry, Any]]
"""What runs a run: an executor, or a function made of one."""


def checkpointed(execute: Execute, every: int) -> Execute:
    """Returns an executor that keeps the carry at every so many steps, and runs a chunk again when gradients need it.

    Memory for T steps falls from T to T / every + every, for one more forward pass (Chen et al. 2016).
    """

    def execute_in_chunks(run: Run) -> tuple[Carry, Any]:
        chunk = jax.checkpoint(chunk_of(execute, run), prevent_cse=False)
        return in_chunks(chunk, run, every)

    return execute_in_chunks


def truncated(execute: Execute, every: int, back: int) -> Execute:
    """Returns an executor whose gradients flow back from a chunk of `every` steps for `back` steps at most.

    BPTT(h; h') of Williams & Peng 1990 with h' = every and h = back: the outputs of a chunk depend, as far as gradients
    are concerned, on the last `back` steps up to the chunk's end. Values are unchanged. The steps before a chunk are
    run once more for it where back > every. The final carry belongs to the last chunk.
    """

    def execute_truncated(run: Run) -> tuple[Carry, Any]:
        if back == every:
            return in_chunks(chunk_of(execute, run), run, every, cut=True)
        forwards = run.forwards()
        final, ys = _in_windows(chunk_of(execute, forwards), forwards, every, back)
        return final, in_processing_order(ys, run.reverse)

    return execute_truncated


def chunk_of(execute: Execute, run: Run) -> Callable[[Carry, Inputs], tuple[Carry, Any]]:
    """Returns `(carry, inputs) -> (carry, outputs)`, which executes a chunk of the run.

    The gradient of what all chunks share, the weights and what resets restore, is summed up over them in float32 at
    least.
    """
    wide, narrow = widened((run.weights, run.initial))

    def chunk(carry: Carry, inputs: Inputs) -> tuple[Carry, Any]:
        weights, initial = narrow(wide)
        return execute(run.replace(weights=weights, initial=initial, carry=carry, inputs=inputs))

    return chunk


def in_chunks(
    body: Callable[[Carry, Inputs], tuple[Carry, Any]], run: Run, size: int, *, cut: bool = False
) -> tuple[Carry, Any]:
    """Runs `body(carry, inputs)` over chunks in processing order; `cut` lets no gradient pass from one to the next."""
    length, reverse = run.length, run.reverse
    if at_most(length, size):
        return body(run.carry, run.inputs)
    if is_symbolic_dim(length) and not at_most(length % size, 0):
        final, ys = in_chunks(body, _filled_up(run, size), size, cut=cut)
        missing = _missing(length, size)
        begin, end = (missing, missing + length) if reverse else (0, length)
        return final, _slice(ys, begin, end)
    count = length // size
    whole = count * size
    # The chunk that is not full is the last one in processing order.
    split = length - whole if reverse else whole
    early, late = _slice(run.inputs, 0, split), _slice(run.inputs, split, length)
    full, rest = (late, early) if reverse else (early, late)
    chunks = jax.tree.map(lambda a: a.reshape(count, size, *a.shape[1:]), full)

    def step(carry, inputs):
        after, ys = body(carry, inputs)
        return _without_gradient(after) if cut else after, (ys, after if cut else None)

    carry, (ys, ends) = meshes.scan(step, run.carry, chunks, reverse=reverse)
    ys = jax.tree.map(lambda a: a.reshape(whole, *a.shape[2:]), ys)
    if whole == length:
        return (jax.tree.map(lambda a: a[0 if reverse else -1], ends) if cut else carry), ys
    last, ys_rest = body(carry, rest)
    parts = (ys_rest, ys) if reverse else (ys, ys_rest)
    return last, jax.tree.map(lambda *a: jnp.concatenate(a), *parts)


def _in_windows(window, run: Run, every: int, back: int) -> tuple[Carry, Any]:
    """Runs chunks of `every` steps, each as the end of a window of `back` > every steps."""
    inputs, length = run.inputs, run.length
    if is_symbolic_dim(length):
        raise ValueError(
            f"truncate_every=({every}, {back}) needs a number of steps that is known, got the symbolic {length}; take "
            "one number of steps, or export for a known T."
        )
    if length <= back:
        return window(run.carry, inputs)

    def last_chunk(start, steps, state):
        """Runs a window; returns the state at the start of the next one, the final state, and the chunk's outputs."""
        part = jax.tree.map(lambda a: jax.lax.dynamic_slice_in_dim(a, start, steps), inputs)
        after, ys = window(state, _slice(part, 0, every))
        end, more = window(after, _slice(part, every, steps))
        both = jax.tree.map(lambda a, b: jnp.concatenate([a, b])[back - every :], ys, more)
        return _without_gradient(after), end, both

    # All chunks that end within the first `back` steps reach back to the beginning and need no window of their own.
    done = back // every * every
    first = done + every - back
    state, ys = window(run.carry, _slice(inputs, 0, first))
    _, more = window(state, _slice(inputs, first, done))
    outputs, state = [ys, more], _without_gradient(state)
    count = (length - done) // every
    starts = first + every * jnp.arange(count)

    def step(state, start):
        state, end, ys = last_chunk(start, back, state)
        return state, (end, ys)

    state, (ends, ys) = meshes.scan(step, state, starts)
    outputs.append(jax.tree.map(lambda a: a.reshape(count * every, *a.shape[2:]), ys))
    rest = length - done - count * every
    if rest:
        _, final, ys = last_chunk(first + count * every, back - every + rest, state)
        outputs.append(ys)
    else:
        final = jax.tree.map(lambda a: a[-1], ends)
    return final, jax.tree.map(lambda *a: jnp.concatenate(a), *outputs)


def _filled_up(run: Run, size: int) -> Run:
    """Returns a run of symbolic length with steps after its last one that do not exist, so that all chunks are full."""

    def fill(a: jax.Array, last: jax.Array) -> jax.Array:
        more = jnp.broadcast_to(last, (_missing(run.length, size), *a.shape[1:]))
        return jnp.concatenate([more, a] if run.reverse else [a, more])

    mask = jnp.ones((run.length, *run.batch_shape), bool) if run.inputs.mask is None else run.inputs.mask
    filled = jax.tree.map(lambda a: fill(a, a[:1] if run.reverse else a[-1:]), run.inputs)
    return run.replace(inputs=filled._replace(mask=fill(mask, jnp.zeros_like(mask[:1]))))


def _missing(length: Any, size: int) -> Any:
    """Returns how many steps the last chunk lacks."""
    return (length + size - 1) // size * size - length


def _slice(tree: Any, begin: Any, end: Any) -> Any:
    return jax.tree.map(lambda a: part(a, begin, end), tree)


def _without_gradient(carry: Carry) -> Carry:
    return jax.tree.map(jax.lax.stop_gradient, carry)
