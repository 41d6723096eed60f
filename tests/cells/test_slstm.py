import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import unroll
from recurrax.cells.slstm import SLSTM
from tests.oracles import sigmoid

VARIANTS = [
    SLSTM(hidden_size=4, num_heads=2),
    SLSTM(hidden_size=4, forget_activation="exp"),
    SLSTM(hidden_size=3, num_heads=3, use_bias=False, forget_bias=0.0),
]


def smallest(cell):
    return dataclasses.replace(cell, hidden_size=1, num_heads=1)


def reachable(carry):
    """n is a sum of what is above 0."""
    return carry._replace(n=0.5 + abs(carry.n))


def pre_activations(cell, params, carry, x):
    """Gate by gate and head by head."""
    heads, size = cell.num_heads, cell.hidden_size // cell.num_heads
    v = np.split(x @ params.w_x + (0 if params.b is None else params.b), 4)
    u = [np.zeros(cell.hidden_size) for _ in range(4)]
    for n in range(heads):
        own = slice(n * size, (n + 1) * size)
        for gate in range(4):
            u[gate][own] = carry.h[own] @ params.w_h[n][:, gate * size : (gate + 1) * size]
    return [a + b for a, b in zip(v, u, strict=True)]


def memory(old, new):
    """c, which is kept in units of exp(m)."""
    return tuple(state.c * jnp.exp(state.m) for state in (old, new))


def oracle_gates(cell, params, carry, x):
    _, f, z, o = pre_activations(cell, params, carry, x)
    gates = {"z": np.tanh(z), "o": sigmoid(o)}
    return gates if cell.forget_activation == "exp" else {"f": sigmoid(f), **gates}


def oracle_step(cell, params, carry, x):
    """Beck et al. (2024), equations 8 to 18: c and n themselves, put into units of exp(m) at the end alone."""
    i, f, z, o = pre_activations(cell, params, carry, x)
    f = np.exp(f) if cell.forget_activation == "exp" else sigmoid(f)
    scale = np.exp(carry.m)
    c = f * carry.c * scale + np.exp(i) * np.tanh(z)
    n = f * carry.n * scale + np.exp(i)
    m = np.maximum(np.log(f) + carry.m, i)
    h = sigmoid(o) * c / n
    return type(carry)(h=h, c=c / np.exp(m), n=n / np.exp(m), m=m), h


@pytest.mark.parametrize("forget_activation", ["sigmoid", "exp"])
def test_huge_gates_neither_overflow_nor_give_nan(forget_activation):
    cell = SLSTM(hidden_size=4, forget_activation=forget_activation)
    params = jax.tree.map(lambda a: 300 * a, cell.init(jax.random.key(0), 3))
    xs = jax.random.normal(jax.random.key(1), (50, 3))

    def total(params):
        return unroll(cell, params, xs)[1].sum()

    gradient = jax.grad(total)(params)
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves((total(params), gradient)))


def test_a_strong_input_replaces_all_that_was_stored():
    cell = SLSTM(hidden_size=1)
    params = jax.tree.map(jnp.zeros_like, cell.init(jax.random.key(0), 2))
    params = params._replace(w_x=jnp.array([[0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0]]))
    xs = jnp.array([[2.0, 0.0]] * 20 + [[-2.0, 20.0]])
    _, ys = unroll(cell, params, xs)
    np.testing.assert_allclose(ys[-2:, 0], 0.5 * np.tanh([2.0, -2.0]), rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_heads": 3}, "hidden_size must be a multiple of num_heads = 3, got 4"),
    ],
)
def test_a_bad_hyper_parameter_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        SLSTM(hidden_size=4, **arguments)
