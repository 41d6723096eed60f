"""Our cell with a peer's weights against what the peer made of them."""

import jax
import jax.numpy as jnp
import numpy as np

from recurrax import unroll
from tests.peers.libraries import Problem, Solution
from tests.peers.twins import TWINS


def solve(name: str, problem: Problem) -> Solution:
    """Solves the problem of a peer with our cell."""
    cell = TWINS[name].cell(problem.cotangent.shape[-1])
    params = jax.tree.map(jnp.asarray, TWINS[name].params(problem.weights))
    start = cell.initial_carry(params, problem.xs.shape[1:2])._replace(**jax.tree.map(jnp.asarray, problem.start))

    def scalar(xs):
        final, ys = unroll(cell, params, xs, start)
        return (problem.cotangent * ys).sum(), (ys, final._asdict())

    gradient, (ys, final) = jax.jit(jax.grad(scalar, has_aux=True))(jnp.asarray(problem.xs))
    return Solution(ys, final, gradient)


def assert_agree(name: str, problem: Problem, theirs: Solution) -> None:
    """Raises unless outputs, final state and gradient agree to 1e-5."""
    ours = solve(name, problem)
    assert set(ours.final) == set(theirs.final)
    assert ours.ys.dtype == theirs.ys.dtype == np.float32
    np.testing.assert_allclose(ours.ys, theirs.ys, rtol=1e-5, atol=1e-5, err_msg=f"outputs of {name}")
    for field, state in theirs.final.items():
        np.testing.assert_allclose(ours.final[field], state, rtol=1e-5, atol=1e-5, err_msg=f"final {field} of {name}")
    scale = max(1.0, float(np.abs(theirs.gradient).max()))
    np.testing.assert_allclose(
        ours.gradient, theirs.gradient, rtol=1e-5, atol=1e-5 * scale, err_msg=f"gradient of {name}"
    )
