"""What both kernels are: weights loaded once, then a loop over time that reads ahead and writes what it leaves."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental import pallas as pl

from recurrax.engine.kernel.cut.elementwise_step import PerUnit
from recurrax.engine.kernel.hopper.distributed_product import DistributedProduct, ProductShape, meet, meeting_point
from recurrax.engine.kernel.hopper.mosaic import blocks, tiles
from recurrax.engine.kernel.hopper.plan import Plan

Parts = tuple[PerUnit, ...]
Advance = Callable[[list[DistributedProduct], jax.Array, Any, list, list], tuple[PerUnit, PerUnit]]
"""`(products, turn, carry, parts of the step, parts of the run) -> (carry, outputs)`, all of them tiles in float32."""


def over_time(
    advance: Advance,
    start: Callable[[list], PerUnit],
    plan: Plan,
    shapes: list[ProductShape],
    weights: list[jax.Array],
    of_steps: Parts,
    of_run: Parts,
    outputs: int,
    *,
    reverse: bool = False,
) -> PerUnit:
    """Runs a kernel.

    Args:
      advance: a turn of the loop.
      start: the carry of the first turn, made of the parts of the run.
      plan: how the run is laid out.
      shapes: the products of a turn.
      weights: their weights, packed.
      of_steps: what is read at every step, `[T, N, D, E]` each.
      of_run: what is read once, `[N, D, E]` each.
      outputs: how many arrays are written.
      reverse: begin at the last step.

    Returns:
      The outputs, `[T, N, D, E]` in float32, in the order of the inputs.
    """
    length, groups = of_steps[0][0].shape[:2]
    written = [jax.ShapeDtypeStruct(of_steps[0][0].shape, jnp.float32)] * outputs
    buffers = [b for shape in shapes for b in shape.global_buffer(groups)]
    scratch = [shape.scratch() for shape in shapes]
    arguments = (*of_steps, *of_run, weights, written, buffers, *scratch)

    def body(*refs):
        *refs, meeting = refs
        given = iter(refs)
        found = [[next(given) for _ in part] for part in arguments]
        step_refs, found = found[: len(of_steps)], found[len(of_steps) :]
        run_refs, (weight_refs, output_refs, buffer_refs, *scratch_refs) = found[: len(of_run)], found[len(of_run) :]
        group, block = lax.axis_index("group"), lax.axis_index("block")
        mine = pl.ds(block * plan.tile_units, plan.tile_units)
        distributed = [
            DistributedProduct(
                shape,
                weight_refs[n],
                scratch_refs[n],
                buffer_refs[n] if buffers else None,
                blocks.semaphores(groups) if buffers else None,
                lax.div(group, groups // weights[n].shape[0]),
                group,
                block,
            )
            for n, shape in enumerate(shapes)
        ]
        if plan.route == "cluster":
            meet(meeting)
        for product in distributed:
            product.wait_for_weights()
        once = [[tiles.load(ref.at[group, mine], plan) for ref in part] for part in run_refs]

        def step_of(turn):
            turn = jnp.minimum(turn, length - 1)
            return length - 1 - turn if reverse else turn

        def load(turn):
            t = step_of(turn)
            return [[tiles.load(ref.at[t, group, mine], plan) for ref in part] for part in step_refs]

        def one_turn(turn, state):
            carry, queue = state
            later = load(turn + plan.lookahead)
            parts = jax.tree.map(lambda a: a.astype(jnp.float32), queue[0])
            carry, new = advance(distributed, turn, carry, parts, once)
            for ref, tile in zip(output_refs, new, strict=True):
                ref[step_of(turn), group, mine] = tile
            return carry, (*queue[1:], later)

        queue = tuple(load(turn) for turn in range(plan.lookahead))
        lax.fori_loop(0, length, one_turn, (start(once), queue))
        if plan.route == "cluster":
            meet(meeting)  # no block may end while others copy from it

    memory = [*(memory for of_stage in scratch for memory in of_stage), meeting_point(plan)]
    kernel = blocks.launch(body, [*written, *buffers], memory, plan, groups)
    inputs = [a for part in (*of_steps, *of_run) for a in part]
    return tuple(kernel(*inputs, *weights)[:outputs])
