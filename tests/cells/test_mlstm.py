import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import unroll
from recurrax.cells.mlstm import MLSTM
from tests.oracles import sigmoid

VARIANTS = [MLSTM(hidden_size=4, num_heads=2), MLSTM(hidden_size=3, use_bias=False, forget_bias=0.0)]


def smallest(cell):
    return dataclasses.replace(cell, hidden_size=1, num_heads=1)


def oracle_step(cell, params, carry, x):
    """Beck et al. (2024), equations 19 to 27: C and n themselves, put into units of exp(m) at the end alone."""
    heads, size = cell.num_heads, cell.hidden_size // cell.num_heads
    q, k, v, o = np.split(x @ params.w_x + (0 if params.b is None else params.b), 4)
    i, f = np.split(x @ params.w_if + (0 if params.b_if is None else params.b_if), 2)
    new_c, new_n, new_m, h = [], [], [], []
    for n in range(heads):
        own = slice(n * size, (n + 1) * size)
        scale, key = np.exp(carry.m[n]), k[own] / np.sqrt(size)
        c = sigmoid(f[n]) * carry.c[n] * scale + np.exp(i[n]) * np.outer(v[own], key)
        total = sigmoid(f[n]) * carry.n[n] * scale + np.exp(i[n]) * key
        m = max(np.log(sigmoid(f[n])) + carry.m[n], i[n])
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
    columns = [jnp.block([[part], [zero], [zero]]) for part in (zero,)]
    w_q, w_k, w_v = (jnp.concatenate([eye if n == m else zero for m in range(3)]) for n in range(3))
    w_x = jnp.concatenate([w_q, np.sqrt(3) * w_k, w_v, jnp.zeros((9, 3))], axis=1)
    params = params._replace(w_x=w_x, b_if=jnp.array([0.0, 40.0]))
    del columns
    values = jnp.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])
    write = jnp.concatenate([jnp.zeros((3, 3)), eye, values], axis=1)
    read = jnp.concatenate([eye[1:2], jnp.zeros((1, 6))], axis=1)
    _, ys = unroll(cell, params, jnp.concatenate([write, read]))
    np.testing.assert_allclose(ys[-1], 0.5 * values[1], rtol=1e-5)


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
    ],
)
def test_a_bad_hyper_parameter_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        MLSTM(hidden_size=4, **arguments)
