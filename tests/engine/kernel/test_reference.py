"""The loops in plain JAX, against the states of the run and against JAX's derivative of them."""

import jax
import jax.numpy as jnp
import pytest

from recurrax import GRU, LSTM, RNN
from recurrax.cells.slstm import SLSTM
from recurrax.engine.kernel.problem import carry_of
from recurrax.engine.kernel.reference import Reference, multiplied, multiplied_back
from recurrax.engine.run import project_all, states_of_all
from tests.engine.comparison import assert_close
from tests.engine.kernel.problems import problem

CELLS = pytest.mark.parametrize(
    "cell", [RNN(3), LSTM(3), GRU(3), SLSTM(4, num_heads=2)], ids=lambda cell: type(cell).__name__
)


@CELLS
def test_the_forward_loop_gives_the_states_of_the_run(x64, cell):
    step, groups, run, given = problem(cell, Reference())
    expected = states_of_all(run, project_all(run))[1]
    assert_close(carry_of(Reference().forward(step, given), run, groups), expected, "states")


@CELLS
def test_the_backward_loop_gives_the_derivatives_that_jax_derives_of_the_forward_loop(x64, cell):
    """What the first step passes on of the adjoint of s_1 is the gradient of s_0."""
    step, _, _, given = problem(cell, Reference())
    states, of_carry = jax.vjp(lambda carry: Reference().forward(step, given._replace(carry=carry)), given.carry)
    cotangents = tuple(jnp.sin(1.0 + jnp.arange(s.size, dtype=s.dtype)).reshape(s.shape) for s in states)
    before = tuple(jnp.concatenate([a[None], s[:-1]]) for a, s in zip(given.carry, states, strict=True))
    by_step = []
    for t in range(len(before[0])):
        carry, z = (tuple(a[t] for a in part) for part in (before, given.z))
        multiply = lambda stage, operand: multiplied(given.weights[stage], operand)
        by_step.append(step.advance(given.constants, carry, z, multiply)[1])
    products = tuple(
        tuple(jnp.stack([gates[stage][g] for gates in by_step]) for g in range(len(of_stage)))
        for stage, of_stage in enumerate(by_step[0])
    )
    adjoints = Reference().backward(step, given, before, products, cotangents)
    carry, z, gates = (jax.tree.map(lambda a: a[0], part) for part in (before, given.z, products))
    multiply_back = lambda stage, of_gates: multiplied_back(given.weights[stage], of_gates)
    first = step.retreat(given.constants, carry, z, list(gates), tuple(a[0] for a in adjoints), multiply_back)
    assert_close(first, of_carry(cotangents)[0], "adjoint of s_0")
