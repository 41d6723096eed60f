import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import unroll
from recurrax.cells.layer_norm_lstm import LayerNormLSTM
from tests.oracles import sigmoid

VARIANTS = [
    LayerNormLSTM(hidden_size=4),
    LayerNormLSTM(hidden_size=4, per_gate=True, epsilon=1e-3),
    LayerNormLSTM(hidden_size=4, use_bias=False, forget_bias=0.0),
]


def norm(a, gain, epsilon):
    """Ba, Kiros & Hinton (2016), equations 16 and 17, epsilon within the root."""
    return gain * (a - a.mean()) / np.sqrt(a.var() + epsilon)


def oracle_gates(cell, params, carry, x):
    """Equation 20."""
    parts = 4 if cell.per_gate else 1

    def normed(a, gain):
        pairs = zip(np.split(a, parts), np.split(gain, parts), strict=True)
        return np.concatenate([norm(part, g, cell.epsilon) for part, g in pairs])

    b = 0 if params.b is None else params.b
    i, f, g, o = np.split(normed(carry.h @ params.w_h, params.gain_h) + normed(x @ params.w_x, params.gain_x) + b, 4)
    return {"i": sigmoid(i), "f": sigmoid(f), "g": np.tanh(g), "o": sigmoid(o)}


def oracle_step(cell, params, carry, x):
    """Equations 21 and 22."""
    gates = oracle_gates(cell, params, carry, x)
    c = gates["f"] * carry.c + gates["i"] * gates["g"]
    shift = 0 if params.b_c is None else params.b_c
    h = gates["o"] * np.tanh(norm(c, params.gain_c, cell.epsilon) + shift)
    return type(carry)(h=h, c=c), h


def test_the_scale_of_weights_does_not_matter(x64):
    cell = LayerNormLSTM(hidden_size=4, epsilon=1e-30)
    params = cell.init(jax.random.key(0), 3)
    xs = jax.random.normal(jax.random.key(1), (9, 2, 3))
    scaled = params._replace(w_x=5 * params.w_x, w_h=0.1 * params.w_h)
    start = jax.tree.map(lambda a: a + 0.5, cell.initial_carry(params, (2,)))
    np.testing.assert_allclose(unroll(cell, scaled, xs, start)[1], unroll(cell, params, xs, start)[1], rtol=1e-9)


def test_a_state_of_zeros_has_a_finite_gradient():
    cell = LayerNormLSTM(hidden_size=4)
    params = cell.init(jax.random.key(0), 3)
    gradient = jax.grad(lambda p: unroll(cell, p, jnp.zeros((3, 3)))[1].sum())(params)
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"epsilon": 0.0}, ValueError, "epsilon must be .*, got 0.0"),
    ],
)
def test_a_bad_hyper_parameter_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        LayerNormLSTM(hidden_size=4, **arguments)
