"""The one door to running a cell over time."""

import dataclasses
import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Int

from recurrax._util import checks
from recurrax.cell import Carry, Cell, Params, check_cell
from recurrax.engine.executor import Executor
from recurrax.engine.choice import EXECUTORS, Choice, choose, refusals
from recurrax.engine.chunks import checkpointed, truncated
from recurrax.engine.newton import Convergence, Newton
from recurrax.engine.run import Execute, Run, check_kinds, make_run


def unroll(
    cell: Cell,
    params: Params,
    xs: Any,
    carry: Carry | None = None,
    *,
    mask: Bool[Array, "T *B"] | None = None,
    resets: Bool[Array, "T *B"] | None = None,
    reverse: bool = False,
    key: jax.Array | None = None,
    executor: str | Executor = "auto",
    checkpoint_every: int | str | None = None,
    truncate_every: int | tuple[int, int] | None = None,
) -> tuple[Carry, Any]:
    """Runs a cell over a sequence.

    >>> cell = LSTM(hidden_size=8)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> carry, ys = unroll(cell, params, jnp.ones((20, 4, 3)))
    >>> ys.shape, carry.c.shape
    ((20, 4, 8), (4, 8))

    Args:
      cell: the cell.
      params: its parameters, as `cell.init` draws them.
      xs: inputs `[T, *B, D]`, time first; any number of batch axes. May be a pytree whose leaves share `[T, *B]`.
      carry: the state to start from; default `cell.initial_carry`.
      mask: where False the step does not exist: the carry is held, the output is zero, a reset there is void, and NaN
        or inf in `xs` touches neither values nor gradients. `length_mask` makes one from lengths.
      resets: where True the carry becomes `cell.initial_carry` (not the argument `carry`) before x_t is consumed.
      reverse: begin at the last step. Outputs stay in the order of `xs`.
      key: randomness for cells that have some; step t gets `fold_in(key, t)`. None: they behave deterministically.
      executor: how to execute it; all give the same values and derivatives, to rounding. "auto" takes what was fastest
        in measurements; `explain` names it.
        - "scan": step by step.
        - "fused": derivatives of all that need not wait for the carry are taken for all steps at once. Values are those
          of "scan", to the bit where no derivative is taken.
        - "associative": all steps at once, for cells that are linear in the carry.
        - "newton": all steps at once, by iteration, for any cell; see `convergence`.
        - "kernel": all steps in one kernel on a Hopper GPU, for cells that are elementwise around their products; what
          is multiplied is rounded to the dtype of the run, float32 to TF32. Where it cannot, what "auto" takes runs.
        With the first two, a sequence in several calls, each with the carry of the one before, has the bits of one
        call. For settings give an instance of `recurrax.Associative` or `recurrax.Newton`.
      checkpoint_every: keep the state at every so many steps only and run the steps between again when a gradient needs
        them; "sqrt" for the square root of T. Memory for T steps falls from T to T / k + k, at one more forward pass.
      truncate_every: steps k after which gradients are cut off (truncated backpropagation through time); or `(k1, k2)`:
        the outputs of every k1 steps send gradients back over the last k2 steps up to the last of them. Values are not
        changed.

    Returns:
      The final carry, and the outputs `[T, *B, H]` in the order of `xs`.

    Raises:
      TypeError, ValueError: an argument has a wrong type, structure, shape or dtype, or the executor that was asked for
        cannot run the cell; the message names it.
    """
    how = _how(cell, executor, checkpoint_every, truncate_every)
    check_kinds(params, xs, carry, mask, resets, reverse, key)
    return _unroll(cell, how, reverse, params, xs, carry, mask, resets, key)


@dataclasses.dataclass(frozen=True)
class _How:
    """How to execute a run, checked."""

    executor: str | Executor
    checkpoint_every: Any
    """A number of steps, "sqrt" or None."""
    truncate_every: tuple[int, int] | None

    def checkpoint_steps(self, steps: int) -> int | None:
        """Returns after how many of T steps a state is kept; None for every one."""
        return max(1, math.isqrt(steps)) if self.checkpoint_every == "sqrt" else self.checkpoint_every

    def resolved(self, cell: Cell, run: Run) -> tuple[Execute, Choice]:
        """Returns the executor for a run, and why it is this one."""
        choice = choose(cell, run, self.executor)
        execute: Execute = choice.executor
        every = self.checkpoint_steps(run.inputs.length)
        if every is not None:
            execute = checkpointed(execute, every)
        if self.truncate_every is not None:
            execute = truncated(execute, *self.truncate_every)
        return execute, choice


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _unroll(cell, how, reverse, params, xs, carry, mask, resets, key):
    run = make_run(cell, params, xs, carry, mask, resets, key)
    execute, _ = how.resolved(cell, run)
    return execute(cell, run, reverse=reverse)


def _how(cell: Cell, executor: str | Executor, checkpoint_every: Any, truncate_every: Any) -> _How:
    check_cell(cell)
    _check_executor(executor)
    if checkpoint_every is not None and not (isinstance(checkpoint_every, str) and checkpoint_every == "sqrt"):
        if type(checkpoint_every) is not int:
            kind = ValueError if isinstance(checkpoint_every, str) else TypeError
            raise kind(f"checkpoint_every must be a number of steps, 'sqrt' or None, got {checkpoint_every!r}.")
        checks.positive_int("checkpoint_every", checkpoint_every)
    if truncate_every is not None:
        pair = truncate_every if isinstance(truncate_every, tuple) else (truncate_every, truncate_every)
        if len(pair) != 2 or not all(type(steps) is int for steps in pair):
            kind = ValueError if isinstance(truncate_every, tuple) else TypeError
            raise kind(f"truncate_every must be steps k, a pair (k1, k2) or None, got {truncate_every!r}.")
        for steps in pair:
            checks.positive_int("truncate_every", steps)
        if pair[1] < pair[0]:
            raise ValueError(
                f"truncate_every=(k1, k2) needs k2 >= k1, got {truncate_every!r}: otherwise some outputs would have no "
                "gradient."
            )
        truncate_every = pair
    return _How(executor, checkpoint_every, truncate_every)


def _check_executor(executor: Any) -> None:
    if isinstance(executor, Executor):
        # Compared without its own fields, one instance would be taken for another that was traced before.
        if "__dataclass_fields__" not in vars(type(executor)):
            raise TypeError(
                f"executor must be an instance of a frozen dataclass, which {type(executor).__name__} is not."
            )
    elif isinstance(executor, type) and issubclass(executor, Executor):
        raise TypeError(f"executor must be an instance, e.g. {executor.__name__}(), got the class itself.")
    elif not isinstance(executor, str):
        raise TypeError(f"executor must be a name or an instance such as recurrax.Newton(), got {executor!r}.")
    else:
        checks.choice("executor", executor, ("auto", *EXECUTORS))


@dataclasses.dataclass(frozen=True)
class Explanation:
    """What `unroll` would do and why; `print` shows it.

    Attributes:
      executor: the executor that would run.
      reason: why that one.
      refused: the executors that cannot run it, each with the reason.
      checkpoint_every: steps after which a state is kept for gradients; None for every step.
      truncate_every: (k1, k2) of truncated backpropagation; None for gradients in full.
      steps: T.
      batch_shape: the batch axes.
      carry: shapes and dtypes of the state, a pytree of `ShapeDtypeStruct`.
      outputs: likewise of the outputs.
    """

    executor: str
    reason: str
    refused: dict[str, str]
    checkpoint_every: int | None
    truncate_every: tuple[int, int] | None
    steps: int
    batch_shape: tuple[int, ...]
    carry: Any
    outputs: Any

    def __str__(self) -> str:
        def shapes(tree):
            return ", ".join(
                f"{jax.tree_util.keystr(path).lstrip('.') or 'y'} {leaf.dtype}{list(leaf.shape)}"
                for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
            )

        lines = [f"{self.executor}: {self.reason}", *(f"not {name}: {why}" for name, why in self.refused.items())]
        if self.checkpoint_every is not None:
            lines.append(f"for gradients, keeps the state after every {self.checkpoint_every} steps")
        if self.truncate_every is not None:
            lines.append("outputs of every {} steps send gradients back over the last {}".format(*self.truncate_every))
        lines.append(
            f"steps {self.steps}, batch {self.batch_shape}; carry {shapes(self.carry)}; ys {shapes(self.outputs)}"
        )
        return "\n".join(lines)


def explain(
    cell: Cell,
    params: Params,
    xs: Any,
    carry: Carry | None = None,
    *,
    mask: Bool[Array, "T *B"] | None = None,
    resets: Bool[Array, "T *B"] | None = None,
    reverse: bool = False,
    key: jax.Array | None = None,
    executor: str | Executor = "auto",
    checkpoint_every: int | str | None = None,
    truncate_every: int | tuple[int, int] | None = None,
) -> Explanation:
    """Tells what `unroll` would do with the same arguments, and why; checks them, and computes nothing.

    >>> cell = LSTM(hidden_size=8)
    >>> print(explain(cell, cell.init(jax.random.key(0), 3), jnp.ones((20, 4, 3))))  # doctest: +ELLIPSIS
    fused: inputs projected, and weight gradients summed up, for all steps at once
    not associative: its step is not linear and diagonal in the carry (Cell.linear is False)
    not kernel: ...
    steps 20, batch (4,); carry h float32[4, 8], c float32[4, 8]; ys y float32[20, 4, 8]

    Raises:
      TypeError, ValueError: as `unroll`.
    """
    how = _how(cell, executor, checkpoint_every, truncate_every)
    check_kinds(params, xs, carry, mask, resets, reverse, key)
    choices: list[Choice] = []
    refused: dict[str, str] = {}

    def execute(params, xs, carry, mask, resets, key):
        run = make_run(cell, params, xs, carry, mask, resets, key)
        executor, choice = how.resolved(cell, run)
        choices.append(choice)
        refused.update(refusals(cell, run))
        return executor(cell, run, reverse=reverse)

    final, ys = jax.eval_shape(execute, params, xs, carry, mask, resets, key)
    leaf = jax.tree.leaves(xs)[0]
    steps, *batch_shape = leaf.shape[: leaf.ndim - cell.input_ndim]
    executor, reason = choices[0]
    chunk = how.checkpoint_steps(steps)
    return Explanation(executor.name, reason, refused, chunk, how.truncate_every, steps, tuple(batch_shape), final, ys)


def convergence(
    cell: Cell,
    params: Params,
    xs: Any,
    carry: Carry | None = None,
    *,
    mask: Bool[Array, "T *B"] | None = None,
    resets: Bool[Array, "T *B"] | None = None,
    reverse: bool = False,
    key: jax.Array | None = None,
    executor: str | Newton = "newton",
) -> Convergence:
    """Tells how Newton's method does on a run: iterations, residual, and whether that is within the tolerance.

    >>> cell = LSTM(hidden_size=8)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> report = convergence(cell, params, jnp.ones((20, 4, 3)), executor=Newton(jacobian="diagonal"))
    >>> bool(report.converged), int(report.iterations) < 20
    (True, True)

    Args:
      cell: the cell.
      params: its parameters.
      xs: as in `unroll`, at least one step.
      carry: as in `unroll`.
      mask: as in `unroll`.
      resets: as in `unroll`.
      reverse: as in `unroll`.
      key: as in `unroll`.
      executor: the settings to try, an instance of `Newton`; "newton" for the default ones.

    Returns:
      A `Convergence` of three numbers.

    Raises:
      TypeError, ValueError: as `unroll`; T = 0; a setting of another executor.
    """
    if not (executor == "newton" or isinstance(executor, Newton)):
        raise TypeError(f"executor must be 'newton' or an instance of recurrax.Newton, got {executor!r}.")
    how = _how(cell, executor, None, None)
    check_kinds(params, xs, carry, mask, resets, reverse, key)
    return _convergence(cell, how, reverse, params, xs, carry, mask, resets, key)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _convergence(cell, how, reverse, params, xs, carry, mask, resets, key):
    run = make_run(cell, params, xs, carry, mask, resets, key)
    newton = how.executor if isinstance(how.executor, Newton) else Newton()
    refused = newton.refusal(cell, run)
    if refused is not None:
        raise ValueError(f"Newton's method cannot run {cell!r}: {refused}.")
    return newton.convergence(cell, run, reverse=reverse)


def length_mask(lengths: Int[Array, "*B"], length: int) -> Bool[Array, "T *B"]:
    """Returns the mask of sequences padded on the right: True at the first `lengths[b]` steps.

    >>> length_mask(jnp.array([2, 0, 3]), 3).astype(int)
    Array([[1, 0, 1],
           [1, 0, 1],
           [0, 0, 1]], dtype=int32)

    Args:
      lengths: integers between 0 and `length`. Values are checked where they are known, that is outside of `jit`.
      length: T.

    Raises:
      TypeError: `lengths` is not an integer array.
      ValueError: a length is negative or above T.
    """
    if type(length) is not int:
        raise TypeError(f"length must be an integer (int), got {length!r} of type {type(length).__name__}.")
    if length < 0:
        raise ValueError(f"length must be at least 0, got {length}.")
    known = None if isinstance(lengths, Tracer) else np.asarray(lengths)
    dtype = lengths.dtype if known is None else known.dtype
    if not jnp.issubdtype(dtype, jnp.integer):
        raise TypeError(f"lengths must be integers, got dtype {dtype}.")
    if known is not None:
        outside = (known < 0) | (known > length)
        if outside.any():
            raise ValueError(f"lengths must lie between 0 and T = {length}, got {known[outside][0]}.")
    lengths = jnp.asarray(lengths, jnp.int32)
    steps = jnp.arange(length, dtype=jnp.int32).reshape((length,) + (1,) * lengths.ndim)
    return steps < lengths
