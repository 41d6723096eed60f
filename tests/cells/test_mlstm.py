import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import unroll
from recurrax.cells.mlstm import MLSTM
from recurrax.wrappers.learned_carry import LearnedCarry
from tests.oracles import sigmoid

VARIANTS = [
    MLSTM(hidden_size=4, num_heads=2),
    MLSTM(hidden_size=4, num_heads=2, forget_activation="exp"),
    MLSTM(hidden_size=3, use_bias=False, forget_bias=0.0),
]


def smallest(cell):
    return dataclasses.replace(cell, hidden_size=1, num_heads=1)


def oracle_step(cell, params, carry, x):
    """Beck et al. (2024): C and n themselves, put into units of exp(m) at the end alone."""
    heads, size = cell.num_heads, cell.hidden_size // cell.num_heads
    q, k, v, o = np.split(x @ params.w_x + (0 if params.b is None else params.b), 4)
    i, f = np.split(x @ params.w_if + (0 if params.b_if is None else params.b_if), 2)
    f = np.exp(f) if cell.forget_activation == "exp" else sigmoid(f)
    new_c, new_n, new_m, h = [], [], [], []
    for n in range(heads):
        own = slice(n * size, (n + 1) * size)
        scale, key = np.exp(carry.m[n]), k[own] / np.sqrt(size)
        c = f[n] * carry.c[n] * scale + np.exp(i[n]) * np.outer(v[own], key)
        total = f[n] * carry.n[n] * scale + np.exp(i[n]) * key
        m = max(np.log(f[n]) + carry.m[n], i[n])
        h.append(c @ q[own] / max(abs(total @ q[own]), 1))
        new_c.append(c / np.exp(m))
        new_n.append(total / np.exp(m))
        new_m.append(m)
    y = sigmoid(o) * np.concatenate(h)
    return type(carry)(np.stack(new_c), np.stack(new_n), np.stack(new_m)), y


def test_a_value_is_found_again_under_its_key():
    """Three orthogonal keys and their values, then a query with the second: o = 1/2 of the second value."""
    cell = MLSTM(hidden_size=3)
    params = jax.tree.map(jnp.zeros_like, cell.init(jax.random.key(0), 9))
    eye, zero = jnp.eye(3), jnp.zeros((3, 3))
    w_q, w_k, w_v = (jnp.concatenate([eye if n == m else zero for m in range(3)]) for n in range(3))
    w_x = jnp.concatenate([w_q, np.sqrt(3) * w_k, w_v, jnp.zeros((9, 3))], axis=1)
    params = params._replace(w_x=w_x, b_if=jnp.array([0.0, 40.0]))
    values = jnp.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])
    write = jnp.concatenate([jnp.zeros((3, 3)), eye, values], axis=1)
    read = jnp.concatenate([eye[1:2], jnp.zeros((1, 6))], axis=1)
    _, ys = unroll(cell, params, jnp.concatenate([write, read]))
    np.testing.assert_allclose(ys[-1], 0.5 * values[1], rtol=1e-5)


def one_unit(a_i, dtype=jnp.float32):
    """One unit whose input gate is at a_i, with q = k = v = 1 and o = 1 / 2 for an input of 1."""
    cell = MLSTM(hidden_size=1)
    params = jax.tree.map(jnp.zeros_like, cell.init(jax.random.key(0), 1))
    params = params._replace(w_x=jnp.array([[1.0, 1.0, 1.0, 0.0]]), b_if=jnp.array([a_i, 0.0]))
    return cell, jax.tree.map(lambda a: a.astype(dtype), params)


@pytest.mark.parametrize(("a_i", "dtype"), [(100.0, jnp.float32), (12.0, jnp.float16), (100.0, jnp.bfloat16)])
@pytest.mark.parametrize("x", [0.0, 1.0])
def test_a_large_unit_over_nothing_is_no_quotient_of_zeros(a_i, dtype, x):
    """exp(-m) underflows beside |n q|, which is zero where x is: y = o v."""
    cell, params = one_unit(a_i, dtype)
    xs = jnp.full((2, 1), x, dtype)
    value, gradient = jax.value_and_grad(lambda p, xs: unroll(cell, p, xs)[1].sum(), (0, 1))(params, xs)
    assert float(value) == pytest.approx(x, rel=1e-2)
    assert all(jnp.isfinite(a).all() for a in jax.tree.leaves(gradient))


@pytest.mark.parametrize("a_i", [-20.0, -60.0, -89.0, -120.0])
def test_a_closed_input_gate_gives_small_outputs_and_their_gradients(a_i):
    """y = exp(a_i) / 2, also by a_i; below -87 that is no normal float32."""
    cell, params = one_unit(a_i)
    value, gradient = jax.value_and_grad(lambda p: unroll(cell, p, jnp.ones((1, 1)))[1].sum())(params)
    assert all(jnp.isfinite(a).all() for a in jax.tree.leaves(gradient))
    np.testing.assert_allclose([value, *gradient.b_if[:1]], np.exp(a_i) / 2, rtol=1e-5, atol=1e-38)


def test_the_exponential_forget_gate_brings_back_what_a_closed_input_gate_stored(x64):
    """With f = exp(a_f) = exp(120): after one more step exp(-120) has become 1."""
    cell, params = one_unit(-120.0)
    cell = dataclasses.replace(cell, forget_activation="exp")
    params = params._replace(b_if=jnp.array([-120.0, 120.0]))
    _, ys = unroll(cell, jax.tree.map(lambda a: a.astype(jnp.float32), params), jnp.ones((2, 1), jnp.float32))
    np.testing.assert_allclose(ys[:, 0], [np.exp(-120) / 2, 0.5], rtol=1e-5, atol=1e-38)


AUTHORS = [
    [-1.2363554557252698, 1.6320633326681093, 2.9999706196521103, 1.609718754001305],
    [2.223327703645096, 2.626130625158942, 2.9788753062751367, 1.5781323447865936],
    [2.6192789142884365, 2.655767760249139, -3.045862444651467, -1.6782335241925732],
    [3.236472701833766, 2.3501718171654624, -3.0025020346737916, -1.5829323098451382],
    [-3.89912767642993, -3.327061759581592, 2.5592784464775145, 2.718425779209071],
]


def test_values_are_those_of_the_authors_code(x64):
    """`parallel_stabilized_simple` of NX-AI/xlstm at 032a6fb in float64, with eps = 0; its output gate is another."""
    a = 3 * np.sin(1.0 + np.arange(5 * 14)).reshape(5, 14)
    w_if = np.zeros((14, 4))
    w_if[[12, 13], [0, 1]], w_if[[13, 12], [2, 3]] = 2, 1
    cell = MLSTM(hidden_size=4, num_heads=2)
    w_x, b = jnp.eye(14, 16).at[12:].set(0), jnp.zeros(16).at[12:].set(800)
    params = cell.init(jax.random.key(0), 14)._replace(w_x=w_x, b=b, w_if=jnp.asarray(w_if), b_if=jnp.zeros(4))
    np.testing.assert_allclose(unroll(cell, params, jnp.asarray(a))[1], AUTHORS, rtol=1e-12)


def test_the_start_is_that_of_the_authors_code():
    """`mLSTMCell.reset_parameters`."""
    params = MLSTM(hidden_size=4, num_heads=4).init(jax.random.key(0), 4000)
    b_i, b_f = np.split(np.asarray(params.b_if), 2)
    np.testing.assert_allclose(b_f, np.linspace(3, 6, 4), rtol=1e-6)
    assert not params.w_if.any() and 0 < abs(b_i).max() < 0.5 and not np.asarray(params.b).any()
    assert params.w_x.std() == pytest.approx((2 / 5 / 4000) ** 0.5, rel=0.02)


def test_a_learned_start_leaves_the_empty_memory_alone():
    cell = LearnedCarry(MLSTM(hidden_size=4, num_heads=2))
    params = cell.init(jax.random.key(0), 2)
    gradient = jax.grad(lambda p: unroll(cell, p, jnp.ones((4, 2)))[1].sum())(params)
    assert not any(a.any() for a in (*params.start, *gradient.start))


def test_huge_gates_neither_overflow_nor_give_nan():
    cell = MLSTM(hidden_size=4)
    params = jax.tree.map(lambda a: 300 * a, cell.init(jax.random.key(0), 3))
    xs = jax.random.normal(jax.random.key(1), (50, 3))

    def total(params):
        return unroll(cell, params, xs)[1].sum()

    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves((total(params), jax.grad(total)(params))))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_heads": 3}, "hidden_size must be a multiple of num_heads = 3, got 4"),
        ({"forget_activation": "tanh"}, "forget_activation must be one of 'sigmoid', 'exp', got 'tanh'"),
    ],
)
def test_a_bad_hyper_parameter_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        MLSTM(hidden_size=4, **arguments)
