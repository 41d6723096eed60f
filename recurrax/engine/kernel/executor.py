"""The executor: any cell whose step is elementwise around its products, in one kernel per direction."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp

from recurrax._util.float_leaves import at_least_float32, float_leaves
from recurrax.cell import Carry
from recurrax.engine.executor import Executor
from recurrax.engine.kernel.cut.blocks import block_weight
from recurrax.engine.kernel.cut.elementwise_step import ElementwiseStep, batch_shape, elementwise_step
from recurrax.engine.kernel.cut.jaxprs import NotElementwiseError
from recurrax.engine.kernel.cut.lanes import Lane
from recurrax.engine.kernel.derivative import states
from recurrax.engine.kernel.hopper.mosaic import Mosaic
from recurrax.engine.kernel.hopper.planner import Sizes, padded_units
from recurrax.engine.kernel.loops import Language, Problem
from recurrax.engine.kernel.shards import Shards
from recurrax.engine.products import products_of_step, refusal
from recurrax.engine.run import Run, emit_all, in_processing_order, project_all
from recurrax.engine.scan import Scan


@dataclasses.dataclass(frozen=True)
class Kernel(Executor):
    """Runs all steps in one kernel that keeps the recurrent weights on the chip (Diamos et al. 2016).

    The elementwise part of the kernel is traced from the cell; its backward pass is the derivative of that. What is
    multiplied is rounded to the dtype of the run (in float32 to TF32), everything else is done in float32. Where a run
    does not fit, or the device is none for which there are kernels, another executor takes its place, and `explain`
    says why.

    Attributes:
      language: what the kernels are written in.
    """

    language: Language = Mosaic()

    falls_back = True

    def refusal(self, run):
        unavailable = self.language.unavailable()
        if unavailable is not None:
            return unavailable
        dtypes = {a.dtype for a in (*jax.tree.leaves(run.carry), *float_leaves((run.weights, run.inputs.x)))}
        if len(dtypes) != 1:
            return f"parameters, inputs and carry have different dtypes ({', '.join(sorted(map(str, dtypes)))})"
        if run.length == 0 or math.prod(batch_shape(run)) == 0:
            return "there is nothing to run"
        nested = refusal(run)
        if nested is not None:
            return nested
        try:
            step = elementwise_step(run)
        except NotElementwiseError as error:
            return str(error)
        if step.counts.z == 0:
            return "its step takes nothing of the input"
        return self.language.refusal(step, sizes_of(step, run), _dtype(run))

    def __call__(self, run):
        if jax.config.jax_disable_jit:  # pyright: ignore[reportAttributeAccessIssue]
            return Scan()(run)
        forwards = run.forwards()
        step = elementwise_step(forwards)
        z = project_all(forwards)
        found = _states(self.language, step, forwards, z)
        final = jax.tree.map(lambda s: s[-1], found)
        return final, in_processing_order(emit_all(forwards, found, z), run.reverse)


def sizes_of(step: ElementwiseStep, run: Run) -> Sizes:
    """Returns what a run asks of the chip."""
    shards = _shards(step, run)
    return Sizes(run.length, shards.count, shards.units, _gates(step), _dtype(run).itemsize)


def _shards(step: ElementwiseStep, run: Run) -> Shards:
    units = step.units // step.heads
    padded = padded_units(units, _gates(step), _dtype(run).itemsize)
    return Shards(math.prod(batch_shape(run)), step.heads, units, padded)


def _gates(step: ElementwiseStep) -> tuple[int, ...]:
    return tuple(len(stage.gates) for stage in step.stages)


def _dtype(run: Run) -> jnp.dtype:
    return jax.tree.leaves(run.carry)[0].dtype


def _states(language: Language, step: ElementwiseStep, run: Run, z: Any) -> Carry:
    """Returns s_1 to s_T, a carry with a time axis."""
    shards, dtype, batch = _shards(step, run), _dtype(run), batch_shape(run)

    def lanes(tree: Any, wanted: tuple[Lane, ...], lead: int) -> list[jax.Array]:
        """Returns lanes of the leaves, `[T, S, D, 8]` or `[S, D, 8]`."""
        leaves = [a.reshape(*a.shape[:lead], shards.batch, -1) for a in jax.tree.leaves(tree)]
        return [shards.split(_taken(leaves[lane.leaf], lane.positions)) for lane in wanted]

    flags = jax.tree.map(lambda a: a.astype(dtype), run.inputs._replace(x=None, key=None))
    constants = [shards.split(jnp.broadcast_to(a, (shards.batch, step.units))) for a in step.constants(run.weights)]
    problem = Problem(
        z=tuple(lanes(z, step.z, 1) + lanes(flags, step.flags, 1)),
        constants=tuple(map(at_least_float32, constants + lanes(run.initial, step.initial, 0))),
        carry=tuple(map(at_least_float32, lanes(run.carry, step.carry, 0))),
        weights=_weights(step, shards, run, z),
    )
    found = iter([shards.join(s).astype(dtype) for s in states(language, step, problem)])
    leaves, treedef = jax.tree.flatten(run.carry)
    whole = []
    for leaf in leaves:
        width = leaf.size // shards.batch // step.units
        parts = jnp.concatenate([next(found) for _ in range(width)], axis=-1)
        whole.append(parts.reshape(-1, *batch, *leaf.shape[len(batch) :]))
    return treedef.unflatten(whole)


def _taken(leaf: jax.Array, positions: Any) -> jax.Array:
    first, last = int(positions[0]), int(positions[-1])
    if last - first == len(positions) - 1:
        return leaf[..., first : last + 1]
    return leaf[..., positions]


def _weights(step: ElementwiseStep, shards: Shards, run: Run, z: Any) -> tuple[jax.Array, ...]:
    first = (0,) * len(batch_shape(run))
    carry, z = jax.tree.map(lambda a: a[first], run.carry), jax.tree.map(lambda a: a[(0, *first)], z)
    products = products_of_step(run.cell, run.weights, carry, z)

    def of_stage(numbers):
        blocks = [block_weight(products[n], products[n].weight, step.units, step.heads) for n in numbers]
        return shards.weight(jnp.concatenate(blocks, axis=1)).astype(_dtype(run))

    return tuple(of_stage(stage.products) for stage in step.stages)
