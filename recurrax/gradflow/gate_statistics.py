"""What the gates of a cell do along a run."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from recurrax.cell import Gates
from recurrax.engine.run import restored
from recurrax.gradflow._numerics.without_cancellation import without_cancellation
from recurrax.gradflow.trajectory import Trajectory, check_trajectory, on_mesh_of, wide_dtype


class GateStatistics(NamedTuple):
    """Statistics of every gate and unit over time and batch; the first three in the structure of the cell's gates."""

    mean: Any
    """Mean activation `[H]`."""
    low: Any
    """Fraction of activations below 0.1 `[H]`; below -0.9 for a gate in (-1, 1)."""
    high: Any
    """Fraction of activations above 0.9 `[H]`."""
    memory_time: Float[Array, "H"] | None
    """1 / (1 - f) in steps, f the mean share of the old state that a step keeps; None where no gate says so."""


def gate_activations(path: Trajectory) -> Gates:
    """Returns the activated gates of every step, each `[T, *B, H]` in the order of the inputs.

    At steps that the mask takes away they are what the cell would compute, and mean nothing.

    Args:
      path: a run of a cell that has gates, as `trajectory` makes it.

    Raises:
      TypeError: `path` is no trajectory, or its cell has no gates.
    """
    check_trajectory(path)
    gates = _activations(path)
    if gates is None:
        raise TypeError(f"path must be of a cell that has gates, got one of {path.cell!r}, whose `gates` returns None.")
    return gates


def gate_statistics(path: Trajectory) -> GateStatistics:
    """Summarises the gates of a cell over a run (saturation as in Karpathy, Johnson & Fei-Fei 2015).

    >>> cell = LSTM(hidden_size=8, forget_bias=3.0)
    >>> path = gradflow.trajectory(cell, cell.init(jax.random.key(0), input_size=3), jnp.zeros((20, 4, 3)))
    >>> statistics = gradflow.gate_statistics(path)
    >>> statistics.mean.f.round(2).tolist()[:2], statistics.memory_time.shape
    ([0.949999988079071, 0.949999988079071], (8,))

    Args:
      path: a run of a cell that has gates, as `trajectory` makes it. Steps under the mask are not counted.

    Returns:
      Means, saturation fractions and memory times per unit; NaN where no step is counted, or one that is not finite.

    Raises:
      TypeError: `path` is no trajectory, or its cell has no gates.
    """
    return _summary(path, gate_activations(path))


@jax.jit
def _activations(path: Trajectory) -> Gates | None:
    return on_mesh_of(path, _of_ordered_steps, 1)(path)


def _of_ordered_steps(path: Trajectory) -> Gates | None:
    return path.ordered(_of_steps(path, lambda gates: gates))


def _of_steps(path: Trajectory, function: Callable[[Gates | None], Any]) -> Any:
    """Returns what a function makes of the gates of every step, in processing order."""
    run = path.run

    def of_step(state, z, inputs):
        return function(run.cell.gates(run.weights, restored(run, state, inputs), z))

    return jax.vmap(of_step)(path.before, path.z, run.inputs)


@jax.jit
def _summary(path: Trajectory, gates: Gates) -> GateStatistics:
    return on_mesh_of(path, _summarized, None)(path, gates)


def _summarized(path: Trajectory, gates: Gates) -> GateStatistics:
    cell, mask = path.cell, path.ordered(path.run.inputs.mask)

    def share(of: Callable[[jax.Array], jax.Array], gate: jax.Array) -> jax.Array:
        return average(jnp.where(jnp.isnan(gate), jnp.nan, of(gate).astype(jnp.float32)))

    def average(values: jax.Array) -> jax.Array:
        counted = jnp.ones(values.shape[:-1], bool) if mask is None else mask
        return jnp.mean(
            values.astype(wide_dtype([values])),
            axis=tuple(range(values.ndim - 1)),
            where=counted.reshape(counted.shape + (1,) * (values.ndim - counted.ndim)),
        )

    floors = type(gates)(*(-0.9 if name in cell.signed_gates else 0.1 for name in gates._fields))
    lost = path.ordered(without_cancellation(_lost)(path))
    return GateStatistics(
        mean=jax.tree.map(average, gates),
        low=jax.tree.map(lambda gate, floor: share(lambda a: a < floor, gate), gates, floors),
        high=jax.tree.map(lambda gate: share(lambda a: a > 0.9, gate), gates),
        memory_time=None if lost is None else 1 / average(lost),
    )


def _lost(path: Trajectory) -> jax.Array | None:
    """Returns the share of the old state that every step does not keep, in processing order."""

    def of_gates(gates):
        kept = path.cell.retention(gates)
        return None if kept is None else 1 - kept

    return _of_steps(path, of_gates)
