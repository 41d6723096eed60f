"""A cell that is defined outside of the package gets all that those inside get, with no registration."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import Newton, gradflow, unroll
from recurrax.catalogue import make_cell
from recurrax.wrappers.residual import Residual
from recurrax.wrappers.stack import Stack
from tests.cells import outside, test_every_cell, test_every_run, test_every_step, test_full_matrix
from tests.cells.cases import Case
from tests.engine import test_every_executor

NOT_FOR_OUTSIDE = {
    "test_a_cell_prints_as_the_code_that_makes_it",  # with names of the package alone
    "test_the_name_in_a_config_leads_to_the_class",  # module:Class does, below
}
OPTIONS = {"reverse": True, "dtype": "bfloat16"}
CHECKS = {
    name: check
    for module in (test_every_cell, test_every_step, test_every_run, test_full_matrix)
    for name, check in vars(module).items()
    if name.startswith("test_")
    and inspect.isfunction(check)
    and {"case", "group"} & set(inspect.signature(check).parameters)
    and name not in NOT_FOR_OUTSIDE
}


@pytest.mark.parametrize("name", CHECKS)
def test_the_common_suite_holds_it_to_the_contract(name, monkeypatch):
    check = CHECKS[name]
    wanted = inspect.signature(check).parameters
    case = Case(outside.VARIANTS[0], outside)
    available = {"case": case, "group": [case], "x64": None, "monkeypatch": monkeypatch, **OPTIONS}
    with jax.enable_x64("x64" in wanted):
        check(**{argument: available[argument] for argument in wanted})


@pytest.mark.parametrize("executor", ["fused", "newton", Newton(jacobian="diagonal", damping=0.2)], ids=str)
def test_executors_agree_on_it(x64, executor):
    test_every_executor.agree(Case(outside.VARIANTS[0], outside), "all", executor)


def test_it_is_wrapped_stacked_named_and_measured(x64):
    cell = make_cell("tests.cells.outside:Leaky", hidden_size=3)
    assert cell == outside.Leaky(3)
    stack = Stack((Residual(cell), cell))
    params = stack.init(jax.random.key(0), 3)
    xs = jax.random.normal(jax.random.key(1), (20, 2, 3))
    _, ys = unroll(stack, params, xs)
    norms = gradflow.gradient_norms(gradflow.trajectory(stack, params, xs), lambda ys, carry: ys[-1].sum())
    assert ys.shape == (20, 2, 3) and jnp.isfinite(norms.joint).all()
    assert np.all(gradflow.lyapunov_spectrum(gradflow.trajectory(cell, params[0], xs[:, 0])) < 1)
