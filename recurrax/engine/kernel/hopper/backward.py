"""The kernel that runs adjoints from the last step to the first."""

import functools

import jax.numpy as jnp

from recurrax.engine.kernel.cut.elementwise_step import ElementwiseStep, PerUnit
from recurrax.engine.kernel.hopper.distributed_product import ProductShape
from recurrax.engine.kernel.hopper.mosaic import tiles
from recurrax.engine.kernel.hopper.plan import Plan
from recurrax.engine.kernel.hopper.substitution import substituted
from recurrax.engine.kernel.hopper.time_loop import over_time
from recurrax.engine.kernel.hopper.weight_rows import paired_rows
from recurrax.engine.kernel.implementation import Problem


def backward(
    step: ElementwiseStep,
    plan: Plan,
    problem: Problem,
    before: PerUnit,
    products: tuple[PerUnit, ...],
    cotangents: PerUnit,
) -> PerUnit:
    """Returns the adjoints of s_1 to s_T, `[T, N, D, E]` each, in float32."""
    units, side = before[0].shape[-2], plan.gates_per_tile
    weights = [paired_rows(jnp.swapaxes(w, -1, -2), plan) for w in problem.weights]
    shapes = [
        ProductShape(plan, plan.backward, w.shape[1], units, gates_sent=side, tiles_sent=w.shape[1], dtype=w.dtype)
        for w in weights
    ]

    def retreat(distributed, turn, reached, parts, once):
        (cotangent, z, carry, *gates), (constants,) = parts, once
        adjoint = tuple(a + b for a, b in zip(reached, cotangent, strict=True))

        def multiply_back(stage, of_gates):
            product = distributed[stage]
            filled = [*of_gates, *[tiles.zeros(plan)] * (-len(of_gates) % side)]
            sent = [tiles.rounded(g, product.shape.dtype, plan) for g in filled]
            product.send([sent[k : k + side] for k in range(0, len(sent), side)], turn)
            product.receive(turn)
            return functools.reduce(jnp.add, [tiles.diagonal_of(tile, plan) for tile in product.result(turn)])

        return tuple(step.retreat(constants, carry, z, gates, adjoint, multiply_back, substituted)), adjoint

    return over_time(
        retreat,
        lambda once: tuple(tiles.zeros(plan) for _ in before),
        plan,
        shapes,
        weights,
        (cotangents, problem.z, before, *products),
        (problem.constants,),
        len(before),
        reverse=True,
    )
