"""A run brought into the layout of an implementation, and its states brought back."""

import math
from typing import Any

import jax
import jax.numpy as jnp

from recurrax._util.float_leaves import at_least_float32
from recurrax.cell import Carry, Projected
from recurrax.engine.kernel.cut.elementwise_step import ElementwiseStep, PerUnit
from recurrax.engine.kernel.cut.heads import weight_by_head
from recurrax.engine.kernel.cut.registers import Source
from recurrax.engine.kernel.groups import Groups
from recurrax.engine.kernel.implementation import Layout, Problem, Workload
from recurrax.engine.products import products_of_step
from recurrax.engine.run import Run


def workload_of(step: ElementwiseStep, run: Run) -> Workload:
    """Returns what a run asks for."""
    return Workload(
        steps=run.length,
        batch=math.prod(run.batch_shape),
        heads=step.heads,
        units=step.units // step.heads,
        gates=tuple(len(stage.gates) for stage in step.stages),
        dtype=_dtype(run),
    )


def groups_of(workload: Workload, layout: Layout) -> Groups:
    """Returns how examples and units are dealt out."""
    return Groups(workload.batch, workload.heads, workload.units, layout)


def problem_of(step: ElementwiseStep, run: Run, z: Projected, groups: Groups) -> Problem:
    """Returns the run, whose inputs are in processing order, in the layout of `groups`."""

    def parts(tree: Any, sources: tuple[Source, ...], lead: int) -> list[jax.Array]:
        """Returns what the sources point to; the leaves have `lead` axes before those of the batch."""
        leaves = [a.reshape(*a.shape[:lead], groups.batch, -1) for a in jax.tree.leaves(tree)]
        return [groups.split(_taken(leaves[source.leaf], source)) for source in sources]

    flags = jax.tree.map(lambda a: a.astype(_dtype(run)), run.without_inputs().inputs)
    of_weights = [jnp.broadcast_to(a, (groups.batch, step.units)) for a in step.constants(run.weights)]
    constants = [*map(groups.split, of_weights), *parts(run.initial, step.initial, 0)]
    return Problem(
        z=tuple(parts(z, step.z, 1) + parts(flags, step.flags, 1)),
        constants=tuple(map(at_least_float32, constants)),
        carry=tuple(map(at_least_float32, parts(run.carry, step.carry, 0))),
        weights=_weights(step, run, z, groups),
    )


def carry_of(states: PerUnit, run: Run, groups: Groups) -> Carry:
    """Returns s_1 to s_T in the form of the run's carry, time first."""
    batch, units = run.batch_shape, groups.heads * groups.units
    found = iter([groups.join(s).astype(_dtype(run)) for s in states])
    leaves, treedef = jax.tree.flatten(run.carry)
    whole = []
    for leaf in leaves:
        parts = [next(found) for _ in range(leaf.size // groups.batch // units)]
        whole.append(jnp.concatenate(parts, axis=-1).reshape(-1, *batch, *leaf.shape[len(batch) :]))
    return treedef.unflatten(whole)


def _weights(step: ElementwiseStep, run: Run, z: Projected, groups: Groups) -> tuple[jax.Array, ...]:
    first = (0,) * run.batch_ndim
    carry, z = jax.tree.map(lambda a: a[first], run.carry), jax.tree.map(lambda a: a[(0, *first)], z)
    products = products_of_step(run.cell, run.weights, carry, z)

    def of_stage(numbers: tuple[int, ...]) -> jax.Array:
        by_head = [weight_by_head(products[n], products[n].weight, step.units, step.heads) for n in numbers]
        return groups.weight(jnp.concatenate(by_head, axis=1)).astype(_dtype(run))

    return tuple(of_stage(stage.products) for stage in step.stages)


def _taken(leaf: jax.Array, source: Source) -> jax.Array:
    """Returns the numbers that a source points to; a slice where they lie side by side."""
    first, last = int(source.positions[0]), int(source.positions[-1])
    if last - first == len(source.positions) - 1:
        return leaf[..., first : last + 1]
    return leaf[..., source.positions]


def _dtype(run: Run) -> jnp.dtype:
    return jax.tree.leaves(run.carry)[0].dtype
