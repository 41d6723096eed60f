import jax
import numpy as np
import pytest

from recurrax import unroll
from recurrax.cells.layer_norm_gru import LayerNormGRU
from tests.oracles import sigmoid

VARIANTS = [LayerNormGRU(hidden_size=4), LayerNormGRU(hidden_size=4, use_bias=False, epsilon=1e-3)]


def norm(a, gain, epsilon):
    """Ba, Kiros & Hinton (2016), epsilon within the root."""
    return gain * (a - a.mean()) / np.sqrt(a.var() + epsilon)


def oracle_gates(cell, params, carry, x):
    """The supplement's equations of the GRU: r and z are normalised together."""
    h, e = cell.hidden_size, cell.epsilon
    b, b_hn = (np.zeros(3 * h), np.zeros(h)) if params.b is None else (params.b, params.b_hn)
    (x_rz, x_n), (u_rz, u_n), (gx_rz, gx_n), (gh_rz, gh_n) = (
        np.split(a, [2 * h]) for a in (x @ params.w_x, carry.h @ params.w_h, params.gain_x, params.gain_h)
    )
    r, z = np.split(sigmoid(norm(x_rz, gx_rz, e) + norm(u_rz, gh_rz, e) + b[: 2 * h]), 2)
    return {"r": r, "z": z, "n": np.tanh(norm(x_n, gx_n, e) + b[2 * h :] + r * (norm(u_n, gh_n, e) + b_hn))}


def oracle_step(cell, params, carry, x):
    """h_t = (1 - z) h_{t-1} + z n."""
    gates = oracle_gates(cell, params, carry, x)
    h = (1 - gates["z"]) * carry.h + gates["z"] * gates["n"]
    return type(carry)(h), h


def test_the_scale_of_weights_does_not_matter(x64):
    cell = LayerNormGRU(hidden_size=4, epsilon=1e-30)
    params = cell.init(jax.random.key(0), 3)
    xs = jax.random.normal(jax.random.key(1), (9, 2, 3))
    scaled = params._replace(w_x=5 * params.w_x, w_h=0.1 * params.w_h)
    start = jax.tree.map(lambda a: a + 0.5, cell.initial_carry(params, (2,)))
    np.testing.assert_allclose(unroll(cell, scaled, xs, start)[1], unroll(cell, params, xs, start)[1], rtol=1e-9)


def test_a_bad_hyper_parameter_is_named():
    with pytest.raises(ValueError, match="epsilon must be .*, got -1.0"):
        LayerNormGRU(hidden_size=4, epsilon=-1.0)
