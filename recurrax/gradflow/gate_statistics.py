"""What the gates of a cell do along a run."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from recurrax.cell import Carry, Cell, Gates, Params, check_cell
from recurrax.engine.run import check_kinds, restored
from recurrax.gradflow.trajectory import Trajectory, in_processing_order, states_before, trajectory, wide_dtype


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


def gate_activations(
    cell: Cell,
    params: Params,
    xs: Any,
    carry: Carry | None = None,
    *,
    mask: Bool[Array, "T *B"] | None = None,
    resets: Bool[Array, "T *B"] | None = None,
    reverse: bool = False,
    key: jax.Array | None = None,
) -> Gates:
    """Returns the activated gates of every step, each `[T, *B, H]` in the order of `xs`.

    At steps that the mask takes away they are what the cell would compute, and mean nothing. Arguments and errors are
    those of `gate_statistics`.
    """
    check_cell(cell)
    check_kinds(params, xs, carry, mask, resets, reverse, key)
    _check_gated(cell, params, xs)
    return _activations(cell, reverse, params, xs, carry, mask, resets, key)


def gate_statistics(
    cell: Cell,
    params: Params,
    xs: Any,
    carry: Carry | None = None,
    *,
    mask: Bool[Array, "T *B"] | None = None,
    resets: Bool[Array, "T *B"] | None = None,
    reverse: bool = False,
    key: jax.Array | None = None,
) -> GateStatistics:
    """Summarises the gates of a cell over a run (saturation as in Karpathy, Johnson & Fei-Fei 2015).

    >>> cell = LSTM(hidden_size=8, forget_bias=3.0)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> statistics = gradflow.gate_statistics(cell, params, jnp.zeros((20, 4, 3)))
    >>> statistics.mean.f.round(2).tolist()[:2], statistics.memory_time.shape
    ([0.949999988079071, 0.949999988079071], (8,))

    Args:
      cell: a cell that has gates.
      params: its parameters.
      xs: inputs `[T, *B, D]`.
      carry: s_0; default the cell's own.
      mask: as in `recurrax.unroll`; steps that do not exist are not counted.
      resets: as in `recurrax.unroll`.
      reverse: as in `recurrax.unroll`.
      key: as in `recurrax.unroll`.

    Returns:
      Means, saturation fractions and memory times per unit; NaN where no step is counted.

    Raises:
      TypeError, ValueError: as `recurrax.unroll`, or the cell has no gates.
    """
    gates = gate_activations(cell, params, xs, carry, mask=mask, resets=resets, reverse=reverse, key=key)
    return _summary(cell, gates, mask)


def _check_gated(cell: Cell, params: Params, xs: Any) -> None:
    gates = jax.eval_shape(lambda p, x: _activations(cell, False, p, x, None, None, None, None), params, xs)
    if gates is None:
        raise TypeError(f"{cell!r} has no gates: its `gates` returns None.")


@functools.partial(jax.jit, static_argnums=(0, 1))
def _activations(cell, reverse, params, xs, carry, mask, resets, key) -> Gates:
    path: Trajectory = trajectory(cell, params, xs, carry, mask, resets, reverse, key)

    def gates(state, z, inputs):
        return cell.gates(path.run.weights, restored(path.run.initial, state, inputs), z)

    before = states_before(path)
    return in_processing_order(jax.vmap(gates)(before, path.z, path.run.inputs), reverse)


@functools.partial(jax.jit, static_argnums=0)
def _summary(cell: Cell, gates: Gates, mask: jax.Array | None) -> GateStatistics:
    def average(values: jax.Array) -> jax.Array:
        counted = jnp.ones(values.shape[:-1], bool) if mask is None else mask
        return jnp.mean(
            values.astype(wide_dtype([values])),
            axis=tuple(range(values.ndim - 1)),
            where=counted[..., None],
        )

    floors = type(gates)(*(-0.9 if name in cell.signed_gates else 0.1 for name in gates._fields))
    kept = cell.retention(gates)
    return GateStatistics(
        mean=jax.tree.map(average, gates),
        low=jax.tree.map(lambda gate, floor: average((gate < floor).astype(jnp.float32)), gates, floors),
        high=jax.tree.map(lambda gate: average((gate > 0.9).astype(jnp.float32)), gates),
        memory_time=None if kept is None else 1 / (1 - average(kept)),
    )
