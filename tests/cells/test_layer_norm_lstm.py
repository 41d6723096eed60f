import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import unroll
from recurrax.cells.layer_norm_lstm import LayerNormLSTM
from tests.oracles import sigmoid

VARIANTS = [
    LayerNormLSTM(hidden_size=4),
    LayerNormLSTM(hidden_size=4, form="addons", epsilon=1e-3),
    LayerNormLSTM(hidden_size=4, form="contrib", epsilon=1e-2),
    LayerNormLSTM(hidden_size=4, form="contrib", epsilon=1e-2, use_bias=False),
    LayerNormLSTM(hidden_size=4, use_bias=False, forget_bias=0.0),
]


def norm(a, gain, epsilon):
    """Ba, Kiros & Hinton (2016), epsilon within the root."""
    return gain * (a - a.mean()) / np.sqrt(a.var() + epsilon)


def oracle_gates(cell, params, carry, x):
    b = np.zeros(16) if params.b is None else params.b
    w_x, u_h = x @ params.w_x, carry.h @ params.w_h
    if cell.form == "contrib":
        parts = zip(np.split(w_x + u_h, 4), np.split(params.gain_h, 4), strict=True)
        a = np.concatenate([norm(part, gain, cell.epsilon) for part, gain in parts])
    else:
        a = norm(u_h, params.gain_h, cell.epsilon) + norm(w_x, params.gain_x, cell.epsilon)
    i, f, g, o = np.split(a + b[: a.size], 4)
    return {"i": sigmoid(i), "f": sigmoid(f), "g": np.tanh(g), "o": sigmoid(o)}


def oracle_step(cell, params, carry, x):
    gates = oracle_gates(cell, params, carry, x)
    c = gates["f"] * carry.c + gates["i"] * gates["g"]
    normed = norm(c, params.gain_c, cell.epsilon) + (0 if params.b_c is None else params.b_c)
    h = gates["o"] * np.tanh(normed)
    return type(carry)(h=h, c=c if cell.form == "paper" else normed), h


@pytest.mark.parametrize(("form", "w_h"), [("paper", 0.1), ("addons", 0.1), ("contrib", 5)])
def test_the_scale_of_weights_does_not_matter(x64, form, w_h):
    cell = LayerNormLSTM(hidden_size=4, form=form, epsilon=1e-30)
    params = cell.init(jax.random.key(0), 3)
    xs = jax.random.normal(jax.random.key(1), (9, 2, 3))
    scaled = params._replace(w_x=5 * params.w_x, w_h=w_h * params.w_h)
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
        ({"form": "tensorflow"}, ValueError, "form must be one of 'paper', 'addons', 'contrib', got 'tensorflow'"),
    ],
)
def test_a_bad_hyper_parameter_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        LayerNormLSTM(hidden_size=4, **arguments)
