"""The one door to running a cell over time."""

import dataclasses
import functools
from typing import Any

import jax
from jaxtyping import Array, Bool, Int

from recurrax._util import checks
from recurrax.cell import Carry, Cell, Params
from recurrax.engine.choice import Checkpointed, Choice, check_executor, choose, follows_rules, refusals
from recurrax.engine.chunks import truncated
from recurrax.engine.executor import Executor
from recurrax.engine.jaxprs import Static
from recurrax.engine.make_run import check_kinds, make_run
from recurrax.engine.meshes import on_mesh
from recurrax.engine.missed_dot import missed_dot
from recurrax.engine.newton import Convergence, Newton
from recurrax.engine.platforms import by_platform, default_platform
from recurrax.engine.run import Run


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
    first_step: int | Int[Array, ""] = 0,
    executor: str | Executor = "auto",
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
      resets: where True the carry becomes `cell.initial_carry` (not the argument `carry`) before x_t is consumed. What
        came before sends back a gradient of zero, even where it overflowed. With masks or resets a state that is not
        finite stays so until a reset.
      reverse: begin at the last step. Outputs stay in the order of `xs`.
      key: randomness for cells that have some; step t gets `fold_in(key, t)`. None: they behave deterministically.
      first_step: the number t of the first step in `xs`. A sequence in several calls with one key, each given the carry
        of the call before and the number of its first step, has the noise of one call.
      executor: how to execute the run: an executor, or its name for the default settings. All give the same values and
        derivatives, to rounding. "auto" takes the one that was fastest in measurements; `explain` names it.
        - `Scan`, "scan": step by step.
        - `Fused`, "fused": takes derivatives for all steps at once, as far as they need not wait for the carry. Its
          values are those of "scan", to the bit where no derivative is taken.
        - `Associative`, "associative": all steps at once, for cells that are linear in the carry.
        - `Newton`, "newton": all steps at once, by iteration, for any cell; see `convergence`.
        - `Kernel`, "kernel": all steps in one kernel on a Hopper GPU, for cells that are elementwise around their
          products; it rounds factors to the dtype of the run, float32 to TF32. Where it cannot run, "auto" does.
        - `Checkpointed`, "checkpointed": keeps few states for the backward pass, around any of the others.
        With "scan" and "fused" a sequence in several calls has the bits of one call.
      truncate_every: steps k after which gradients are cut off (truncated backpropagation through time); or `(k1, k2)`:
        the outputs of every k1 steps send gradients back over the last k2 steps up to the last of them. Values are not
        changed.

    Returns:
      The final carry, and the outputs `[T, *B, H]` in the order of `xs`.

    Raises:
      TypeError, ValueError: an argument has a wrong type, structure, shape or dtype, or the executor that was asked for
        cannot run the cell; the message names it.
    """
    check_executor(executor)
    windows = _windows(truncate_every)
    given = {"mask": mask, "resets": resets, "key": key, "first_step": first_step}
    check_kinds(cell, params, xs, carry, reverse=reverse, **given)
    execute = functools.partial(_unroll, cell, executor, windows, reverse)
    if follows_rules(executor):
        return by_platform(execute, params, xs, carry, given)
    return execute(default_platform(), params, xs, carry, given)


@functools.partial(jax.jit, static_argnums=(0, 1, 2, 3, 4))
def _unroll(cell, executor, windows, reverse, platform, params, xs, carry, given):
    def execute(params, xs, carry, given):
        run = make_run(cell, params, xs, carry, reverse=reverse, **given).replace(platform=platform)
        return _executed(run, choose(run, executor), windows)

    return on_mesh(execute, xs, cell.input_ndim, (0, 1))(params, xs, carry, given)


def _executed(run: Run, choice: Choice, windows: tuple[int, int] | None) -> tuple[Carry, Any]:
    execute = choice.executor if windows is None else truncated(choice.executor, *windows)
    return execute(run)


def _windows(truncate_every: Any) -> tuple[int, int] | None:
    """Returns `truncate_every` as (k1, k2), checked."""
    if truncate_every is None:
        return None
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
    return pair


@dataclasses.dataclass(frozen=True)
class Explanation:
    """What `unroll` would do and why; `print` shows it.

    Attributes:
      executor: the executor that would run.
      reason: why that one.
      refused: the executors that cannot run it, each with the reason.
      missed_dot: which weights the step multiplies without `dot`, so that no executor defers their gradients; None
        where there are none.
      every: steps after which a state is kept for gradients, as `Checkpointed` has it; None for every step.
      truncate_every: (k1, k2) of truncated backpropagation; None for gradients in full.
      steps: T.
      batch_shape: the batch axes.
      carry: shapes and dtypes of the state, a pytree of `ShapeDtypeStruct`.
      outputs: likewise of the outputs.
    """

    executor: str
    reason: str
    refused: dict[str, str]
    missed_dot: str | None
    every: int | None
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
        if self.missed_dot is not None:
            lines.append(self.missed_dot)
        if self.every is not None:
            lines.append(f"for gradients, keeps the state after every {self.every} steps")
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
    first_step: int | Int[Array, ""] = 0,
    executor: str | Executor = "auto",
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
    check_executor(executor)
    windows = _windows(truncate_every)
    given = {"mask": mask, "resets": resets, "key": key, "first_step": first_step}
    check_kinds(cell, params, xs, carry, reverse=reverse, **given)

    def execute(params, xs, carry, given):
        run = make_run(cell, params, xs, carry, reverse=reverse, **given)
        choice = choose(run, executor)
        told = choice, refusals(run), missed_dot(run), run.length, run.batch_shape
        return _executed(run, choice, windows), Static(told)

    (final, ys), told = jax.eval_shape(execute, params, xs, carry, given)
    choice, refused, missed, steps, batch_shape = told.value
    chosen, every = choice.executor, None
    if isinstance(chosen, Checkpointed):
        chosen, every = chosen.executor, chosen.steps(steps)
    name = chosen if isinstance(chosen, str) else chosen.name
    return Explanation(name, choice.reason, refused, missed, every, windows, steps, batch_shape, final, ys)


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
    first_step: int | Int[Array, ""] = 0,
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
      first_step: as in `unroll`.
      executor: the settings to try, an instance of `Newton`; "newton" for the default ones.

    Returns:
      A `Convergence` of three numbers.

    Raises:
      TypeError, ValueError: as `unroll`; T = 0; a setting of another executor.
    """
    if not (executor == "newton" or isinstance(executor, Newton)):
        raise TypeError(f"executor must be 'newton' or an instance of recurrax.Newton, got {executor!r}.")
    given = {"mask": mask, "resets": resets, "key": key, "first_step": first_step}
    check_kinds(cell, params, xs, carry, reverse=reverse, **given)
    newton = executor if isinstance(executor, Newton) else Newton()
    return _convergence(cell, newton, reverse, params, xs, carry, given)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _convergence(cell, newton, reverse, params, xs, carry, given):
    run = make_run(cell, params, xs, carry, reverse=reverse, **given)
    refused = newton.refusal(run)
    if refused is not None:
        raise ValueError(f"Newton's method cannot run {cell!r}: {refused}.")
    return newton.convergence(run)
