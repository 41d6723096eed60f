"""The kernel that runs a step from the first input to the last."""

from recurrax.engine.kernel.cut.elementwise_step import ElementwiseStep, Lanes
from recurrax.engine.kernel.hopper import pallas as hopper
from recurrax.engine.kernel.hopper.exchange import Shape
from recurrax.engine.kernel.hopper.packing import paired_rows
from recurrax.engine.kernel.hopper.planner import Plan
from recurrax.engine.kernel.hopper.substitution import substituted
from recurrax.engine.kernel.hopper.time_loop import over_time
from recurrax.engine.kernel.loops import Problem


def forward(step: ElementwiseStep, plan: Plan, problem: Problem) -> Lanes:
    """Returns s_1 to s_T, `[T, S, D, 8]` each, in float32."""
    units = problem.z[0].shape[-2]
    weights = [paired_rows(w, plan) for w in problem.weights]
    shapes = [Shape(plan, plan.forward, w.shape[1], units, gates_sent=1, tiles_sent=1, dtype=w.dtype) for w in weights]

    def advance(exchanges, t, state, parts, once):
        (z,), (constants, _) = parts, once

        def multiply(stage, operand):
            exchange = exchanges[stage]
            exchange.send([[hopper.rounded(operand, exchange.shape.dtype, plan)]], t)
            exchange.receive(t)
            gates = [gate for tile in exchange.product(t) for gate in hopper.gates_of(tile, plan)]
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
