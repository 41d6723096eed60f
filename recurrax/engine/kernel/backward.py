"""The kernel that runs adjoints from the last step to the first."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental import pallas as pl

from recurrax.engine.kernel import hopper
from recurrax.engine.kernel.elementwise import ElementwiseStep
from recurrax.engine.kernel.exchange import Exchange, Shape, meet, meeting_point
from recurrax.engine.kernel.language import Lanes, Problem
from recurrax.engine.kernel.packing import paired_rows
from recurrax.engine.kernel.planner import SHARD, Plan
from recurrax.engine.kernel.substitution import substituted


def backward(step: ElementwiseStep, plan: Plan) -> Callable[..., Lanes]:
    """Returns `(problem, before, products, cotangents) -> adjoints`, `[T, S, D, 8]` each, in float32."""

    def run(problem: Problem, before: Lanes, products: tuple[Lanes, ...], cotangents: Lanes) -> Lanes:
        length, shards, units, _ = before[0].shape
        weights = [paired_rows(jnp.swapaxes(w, -1, -2), plan) for w in problem.weights]
        side = plan.gates_per_tile
        shapes = [
            Shape(plan, plan.backward, w.shape[1], units, gates_sent=side, tiles_sent=w.shape[1], dtype=w.dtype)
            for w in weights
        ]
        buffers = [b for shape in shapes for b in shape.global_buffer(shards)]
        adjoints = [jax.ShapeDtypeStruct((length, shards, units, SHARD), jnp.float32) for _ in before]
        inputs = (cotangents, problem.z, before, tuple(g for of_stage in products for g in of_stage))
        kernel = hopper.launch(
            _body(step, plan, shapes, inputs, problem, weights, length, shards),
            [*adjoints, *buffers],
            [*(s for shape in shapes for s in shape.scratch()), meeting_point(plan)],
            plan,
            shards,
        )
        flat = [a for part in inputs for a in part]
        return tuple(kernel(*flat, *problem.constants, *weights)[: len(adjoints)])

    return run


def _body(step, plan, shapes, inputs, problem, weights, length, shards):
    side = plan.gates_per_tile
    per_set = [shards // w.shape[0] for w in weights]
    counts = [len(part) for part in inputs]
    gates = [len(stage.gates) for stage in step.stages]

    def body(*refs):
        parts = []
        for count in (*counts, len(problem.constants), len(shapes), counts[0]):
            parts.append(refs[:count])
            refs = refs[count:]
        *input_refs, constant_refs, weight_refs, adjoint_refs = parts
        grid = plan.exchange == "grid"
        buffers, refs = (refs[: len(shapes)], refs[len(shapes) :]) if grid else ([None] * len(shapes), refs)
        *scratch, meeting = refs
        per_stage = len(scratch) // len(shapes) if shapes else 0
        shard, block = lax.axis_index("shard"), lax.axis_index("block")
        mine = pl.ds(block * plan.tile_units, plan.tile_units)
        exchanges = [
            Exchange(
                shape,
                weight_refs[n],
                scratch[n * per_stage : (n + 1) * per_stage],
                buffers[n],
                hopper.semaphores(shards) if grid else None,
                lax.div(shard, per_set[n]),
                shard,
                block,
            )
            for n, shape in enumerate(shapes)
        ]
        if plan.exchange == "cluster":
            meet(meeting)
        for exchange in exchanges:
            exchange.wait_for_weights()
        constants = [hopper.load(ref.at[shard, mine], plan) for ref in constant_refs]

        def load(t):
            return [[hopper.load(ref.at[t, shard, mine], plan) for ref in part] for part in input_refs]

        def retreat(i, carry):
            reached, queue = carry
            t = length - 1 - i
            later = load(jnp.maximum(t - plan.lookahead, 0))
            cotangent, z, before, flat = [[a.astype(jnp.float32) for a in part] for part in queue[0]]
            found = iter(flat)
            products = [[next(found) for _ in range(count)] for count in gates]
            adjoint = tuple(a + b for a, b in zip(reached, cotangent, strict=True))
            for ref, a in zip(adjoint_refs, adjoint, strict=True):
                ref[t, shard, mine] = a

            def through_update(before, products, z, constants, adjoint):
                pull = jax.vjp(lambda s, r: step.update(constants, s, z, r), before, products)[1]
                return pull(adjoint)

            reached, of_gates = substituted(through_update)(before, products, z, constants, adjoint)
            of_gates = list(of_gates)
            for n in reversed(range(len(shapes))):
                exchange = exchanges[n]
                sent = [hopper.rounded(g, exchange.shape.dtype, plan) for g in of_gates[n]]
                filled = [
                    *sent,
                    *[hopper.rounded(hopper.zeros(plan), exchange.shape.dtype, plan)] * (-len(sent) % side),
                ]
                exchange.send([filled[k : k + side] for k in range(0, len(filled), side)], i)
                exchange.receive(i)
                back = [hopper.diagonal_of(tile, plan) for tile in exchange.product(i)]
                total = sum(back[1:], back[0])

                def through_operand(before, earlier, z, constants, total, n=n):
                    pull = jax.vjp(lambda s, r: step.operand(n, constants, s, z, r), before, earlier)[1]
                    return pull(total)

                more, earlier = substituted(through_operand)(before, products[:n], z, constants, total)
                reached = jax.tree.map(jnp.add, reached, more)
                of_gates[:n] = jax.tree.map(jnp.add, of_gates[:n], list(earlier))
            return tuple(reached), (*queue[1:], later)

        start = tuple(hopper.zeros(plan) for _ in adjoint_refs)
        queue = tuple(load(max(length - 1 - i, 0)) for i in range(plan.lookahead))
        lax.fori_loop(0, length, retreat, (start, queue))
        if plan.exchange == "cluster":
            meet(meeting)

    return body
