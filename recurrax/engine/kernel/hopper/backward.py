"""The kernel that runs adjoints from the last step to the first."""

import functools

import jax.numpy as jnp

from recurrax.engine.kernel.cut.elementwise_step import ElementwiseStep, Lanes
from recurrax.engine.kernel.hopper import pallas as hopper
from recurrax.engine.kernel.hopper.exchange import Shape
from recurrax.engine.kernel.hopper.packing import paired_rows
from recurrax.engine.kernel.hopper.planner import Plan
from recurrax.engine.kernel.hopper.substitution import substituted
from recurrax.engine.kernel.hopper.time_loop import over_time
from recurrax.engine.kernel.loops import Problem


def backward(
    step: ElementwiseStep, plan: Plan, problem: Problem, before: Lanes, products: tuple[Lanes, ...], cotangents: Lanes
) -> Lanes:
    """Returns the adjoints of s_1 to s_T, `[T, S, D, 8]` each, in float32."""
    units, side = before[0].shape[-2], plan.gates_per_tile
    weights = [paired_rows(jnp.swapaxes(w, -1, -2), plan) for w in problem.weights]
    shapes = [
        Shape(plan, plan.backward, w.shape[1], units, gates_sent=side, tiles_sent=w.shape[1], dtype=w.dtype)
        for w in weights
    ]

    def retreat(exchanges, turn, reached, parts, once):
        (cotangent, z, carry, *gates), (constants,) = parts, once
        adjoint = tuple(a + b for a, b in zip(reached, cotangent, strict=True))

        def multiply_back(stage, of_gates):
            exchange = exchanges[stage]
            filled = [*of_gates, *[hopper.zeros(plan)] * (-len(of_gates) % side)]
            sent = [hopper.rounded(g, exchange.shape.dtype, plan) for g in filled]
            exchange.send([sent[k : k + side] for k in range(0, len(sent), side)], turn)
            exchange.receive(turn)
            return functools.reduce(jnp.add, [hopper.diagonal_of(tile, plan) for tile in exchange.product(turn)])

        return tuple(step.retreat(constants, carry, z, gates, adjoint, multiply_back, substituted)), adjoint

    return over_time(
        retreat,
        lambda once: tuple(hopper.zeros(plan) for _ in before),
        plan,
        shapes,
        weights,
        (cotangents, problem.z, before, *products),
        (problem.constants,),
        len(before),
        reverse=True,
    )
