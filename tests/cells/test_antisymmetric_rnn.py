import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import gradflow
from recurrax.cells.antisymmetric_rnn import AntisymmetricRNN
from tests.oracles import sigmoid

VARIANTS = [
    AntisymmetricRNN(hidden_size=4, step_size=0.3, gated=True),
    AntisymmetricRNN(hidden_size=4, step_size=0.5, damping=0.1),
    AntisymmetricRNN(hidden_size=4, use_bias=False),
]


def affine(cell, params, carry, x):
    a = (params.w_h - params.w_h.T - cell.damping * np.eye(cell.hidden_size)) @ carry.h
    return a, x @ params.w_x + (0 if params.b is None else params.b)


def oracle_gates(cell, params, carry, x):
    """Chang et al. (2019)."""
    a, v = affine(cell, params, carry, x)
    v_z, v_n = np.split(v, 2)
    return {"z": sigmoid(a + v_z), "n": np.tanh(a + v_n)}


def oracle_step(cell, params, carry, x):
    """Euler's method."""
    if cell.gated:
        gates = oracle_gates(cell, params, carry, x)
        change = gates["z"] * gates["n"]
    else:
        change = np.tanh(sum(affine(cell, params, carry, x)))
    h = carry.h + cell.step_size * change
    return type(carry)(h), h


def test_eigenvalues_of_the_jacobian_lie_close_to_one(x64):
    """Far closer than those of a network with the same matrix and no antisymmetry."""
    cell = AntisymmetricRNN(hidden_size=16)
    params = cell.init(jax.random.key(0), 3)
    carry = cell.initial_carry(params)._replace(h=jax.random.normal(jax.random.key(1), (16,)))
    weights = cell.prepare(params)
    z = cell.project(weights, jnp.zeros(3))
    jacobian = jax.jacobian(lambda h: cell.step(weights, carry._replace(h=h), z).h)(carry.h)
    np.testing.assert_allclose(np.abs(np.linalg.eigvals(jacobian)), 1, atol=2e-3)


def test_the_gradient_hardly_fades_at_initialisation():
    cell = AntisymmetricRNN(hidden_size=16)
    params = cell.init(jax.random.key(0), 3)
    xs = jax.random.normal(jax.random.key(1), (200, 3))
    norms = gradflow.gradient_norms(gradflow.trajectory(cell, params, xs), lambda ys, carry: ys[-1].sum())
    assert np.abs(norms.joint - norms.joint[-1]).max() < 0.5


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"step_size": 0.0}, ValueError, "step_size must be .*, got 0.0"),
    ],
)
def test_a_bad_hyper_parameter_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        AntisymmetricRNN(hidden_size=4, **arguments)
