"""The kernel that runs a step from the first input to the last."""

from recurrax.engine.kernel.cut.elementwise_step import ElementwiseStep, PerUnit
from recurrax.engine.kernel.hopper.distributed_product import ProductShape
from recurrax.engine.kernel.hopper.mosaic import tiles
from recurrax.engine.kernel.hopper.plan import Plan
from recurrax.engine.kernel.hopper.substitution import substituted
from recurrax.engine.kernel.hopper.time_loop import over_time
from recurrax.engine.kernel.hopper.weight_rows import paired_rows
from recurrax.engine.kernel.implementation import Problem


def forward(step: ElementwiseStep, plan: Plan, problem: Problem) -> PerUnit:
    """Returns s_1 to s_T, `[T, N, D, E]` each, in float32."""
    units = problem.z[0].shape[-2]
    weights = [paired_rows(w, plan) for w in problem.weights]
    shapes = [
        ProductShape(plan, plan.forward, w.shape[1], units, gates_sent=1, tiles_sent=1, dtype=w.dtype) for w in weights
    ]

    def advance(distributed, t, state, parts, once):
        (z,), (constants, _) = parts, once

        def multiply(stage, operand):
            product = distributed[stage]
            product.send([[tiles.rounded(operand, product.shape.dtype, plan)]], t)
            product.receive(t)
            gates = [gate for tile in product.result(t) for gate in tiles.gates_of(tile, plan)]
            return tuple(gates[: len(step.stages[stage].gates)])

        state, _ = step.advance(constants, state, z, multiply, substituted)
        return state, state

    return over_time(
        advance,
        lambda once: tuple(once[1]),
        plan,
        shapes,
        weights,
        (problem.z,),
        (problem.constants, problem.carry),
        len(problem.carry),
    )
