"""The kernel that runs a step from the first input to the last."""

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


def forward(step: ElementwiseStep, plan: Plan) -> Callable[[Problem], Lanes]:
    """Returns `problem -> states`, `[T, S, D, 8]` each, in float32."""

    def run(problem: Problem) -> Lanes:
        length, shards, units, _ = problem.z[0].shape[-4:]
        weights = [paired_rows(w, plan) for w in problem.weights]
        shapes = [
            Shape(plan, plan.forward, w.shape[1], units, gates_sent=1, tiles_sent=1, dtype=w.dtype) for w in weights
        ]
        buffers = [b for shape in shapes for b in shape.global_buffer(shards)]
        states = [jax.ShapeDtypeStruct((length, shards, units, SHARD), jnp.float32) for _ in problem.carry]
        scratch = [shape.scratch() for shape in shapes]
        kernel = hopper.launch(
            _body(step, plan, shapes, problem, weights, length),
            [*states, *buffers],
            [*(s for of_stage in scratch for s in of_stage), meeting_point(plan)],
            plan,
            shards,
        )
        outputs = kernel(*problem.z, *problem.constants, *problem.carry, *weights)
        return tuple(outputs[: len(states)])

    return run


def _body(step: ElementwiseStep, plan: Plan, shapes: list[Shape], problem: Problem, weights: list, length: int):
    per_set = [problem.z[0].shape[-3] // w.shape[0] for w in weights]

    def body(*refs):
        z_refs, refs = refs[: len(problem.z)], refs[len(problem.z) :]
        constant_refs, refs = refs[: len(problem.constants)], refs[len(problem.constants) :]
        carry_refs, refs = refs[: len(problem.carry)], refs[len(problem.carry) :]
        weight_refs, refs = refs[: len(shapes)], refs[len(shapes) :]
        state_refs, refs = refs[: len(problem.carry)], refs[len(problem.carry) :]
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
                hopper.semaphores(shards_of(problem)) if grid else None,
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
            return [hopper.load(ref.at[t, shard, mine], plan) for ref in z_refs]

        def advance(t, carry):
            state, queue = carry
            later = load(jnp.minimum(t + plan.lookahead, length - 1))
            z = [a.astype(jnp.float32) for a in queue[0]]
            products = []
            for n, (stage, exchange) in enumerate(zip(step.stages, exchanges, strict=True)):
                operand = substituted(lambda s, z, r, n=n: step.operand(n, constants_of(s), s[0], z, r))
                a = operand((state, constants), z, products)
                exchange.send([[hopper.rounded(a, exchange.shape.dtype, plan)]], t)
                exchange.receive(t)
                found = [gate for tile in exchange.product(t) for gate in hopper.gates_of(tile, plan)]
                products.append(found[: len(stage.gates)])
            update = substituted(lambda s, z, r: step.update(constants_of(s), s[0], z, r))
            state = update((state, constants), z, products)
            for ref, s in zip(state_refs, state, strict=True):
                ref[t, shard, mine] = s
            return state, (*queue[1:], later)

        start = tuple(hopper.load(ref.at[shard, mine], plan) for ref in carry_refs)
        queue = tuple(load(min(t, length - 1)) for t in range(plan.lookahead))
        lax.fori_loop(0, length, advance, (start, queue))
        if plan.exchange == "cluster":
            meet(meeting)  # no block may end while others copy from it

    return body


def constants_of(state_and_constants):
    """Returns the constants beside a state."""
    return state_and_constants[1]


def shards_of(problem: Problem) -> int:
    """Returns the number of shards."""
    return problem.z[0].shape[-3]
