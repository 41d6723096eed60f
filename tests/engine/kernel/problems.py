"""Runs in the layout of an implementation, for the tests of its loops."""

import jax
import numpy as np

from recurrax.engine.kernel.cut.elementwise_step import elementwise_step
from recurrax.engine.kernel.problem import groups_of, problem_of, workload_of
from recurrax.engine.make_run import make_run
from recurrax.engine.run import project_all


def problem(cell, implementation, steps=5, batch=3, **flags):
    """Returns the step, the groups, the run and the problem of a cell with inputs and a carry that are drawn."""
    rng = np.random.default_rng(0)
    params = cell.init(jax.random.key(0), 2)
    params = jax.tree.map(lambda a: a + 0.3 * rng.normal(size=a.shape), params)
    carry = jax.tree.map(lambda a: 0.5 * rng.normal(size=a.shape), cell.initial_carry(params, (batch,)))
    run = make_run(cell, *jax.tree.map(jax.numpy.asarray, (params, rng.normal(size=(steps, batch, 2)), carry)), **flags)
    step, z = elementwise_step(run), project_all(run)
    workload = workload_of(step, run)
    groups = groups_of(workload, implementation.layout(workload))
    return step, groups, run, problem_of(step, run, z, groups)
