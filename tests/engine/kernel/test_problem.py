"""A run in the layout of an implementation: numbers go there and come back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM
from recurrax.cells.slstm import SLSTM
from recurrax.engine.kernel.implementation import Workload
from recurrax.engine.kernel.problem import carry_of, workload_of
from recurrax.engine.kernel.reference import Reference
from tests.engine.kernel.problems import problem


@pytest.mark.parametrize("cell", [LSTM(3), GRU(3), SLSTM(4, num_heads=2)], ids=lambda cell: type(cell).__name__)
@pytest.mark.parametrize("implementation", [Reference(), Reference(1, 1), Reference(2, 5)], ids=str)
def test_the_carry_comes_back_as_it_went(x64, cell, implementation):
    _, groups, run, given = problem(cell, implementation)
    back = carry_of(tuple(a[None] for a in given.carry), run, groups)
    jax.tree.map(np.testing.assert_array_equal, jax.tree.map(lambda a: a[0], back), run.carry)


def test_shapes_are_those_of_the_layout(x64):
    mask = jnp.ones((5, 3), bool)
    step, groups, run, given = problem(SLSTM(4, num_heads=2), Reference(2, 5), mask=mask)
    assert groups.count == 2 * 2
    assert {a.shape for a in given.z} == {(5, 4, 5, 2)}
    assert {a.shape for a in (*given.carry, *given.constants)} == {(4, 5, 2)}
    assert [w.shape for w in given.weights] == [(2, 4, 5, 5)]
    assert len(given.z) == step.counts.z


def test_what_a_run_asks_for():
    step, _, run, _ = problem(GRU(3), Reference())
    assert workload_of(step, run) == Workload(5, 3, heads=1, units=3, gates=(2, 1), dtype=jnp.dtype("float32"))


def test_factors_keep_the_dtype_of_the_run_and_the_rest_is_wide():
    cell = LSTM(3)
    _, _, run, _ = problem(cell, Reference())
    from recurrax.engine.kernel.cut.elementwise_step import elementwise_step
    from recurrax.engine.kernel.problem import groups_of, problem_of
    from recurrax.engine.run import project_all

    run = jax.tree.map(lambda a: a.astype(jnp.bfloat16), run)
    step = elementwise_step(run)
    workload = workload_of(step, run)
    given = problem_of(step, run, project_all(run), groups_of(workload, Reference().layout(workload)))
    assert {a.dtype for a in (*given.z, *given.weights)} == {jnp.dtype("bfloat16")}
    assert {a.dtype for a in (*given.carry, *given.constants)} == {jnp.dtype("float32")}
