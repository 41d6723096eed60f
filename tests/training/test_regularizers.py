import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, RNN, gradflow, unroll
from recurrax.cells.indrnn import IndRNN
from recurrax.cells.lru import LRU
from recurrax.gradflow import trajectory
from recurrax.training.regularizers import lyapunov_penalty, norm_stabilizer, orthogonality_penalty, pascanu_omega


def problem(cell, length=7, batch=3, size=2):
    params = cell.init(jax.random.key(0), size)
    return params, jax.random.normal(jax.random.key(1), (length, batch, size))


@functools.partial(jax.jit, static_argnums=(0, 3), static_argnames="squared")
def omega_of(cell, params, xs, loss, squared=False, **arguments):
    return pascanu_omega(trajectory(cell, params, xs, **arguments), loss, squared=squared)


def last(ys, carry):
    return jnp.sum(jnp.sin(ys[-1]))


def every(ys, carry):
    return jnp.sum(jnp.sin(ys))


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("loss", [last, every])
def test_omega_of_a_tanh_network_is_the_published_formula(x64, squared, loss):
    """Pascanu et al. (2013), section 3.3, and its code: delta_t (1 - h_t^2) W^T, with h_t and delta_t held fixed."""
    cell = RNN(4)
    params, xs = problem(cell)
    _, ys = unroll(cell, params, xs)
    deltas, total = [], jnp.zeros((3, 4))
    for t in reversed(range(7)):
        direct = jax.grad(lambda y: loss(ys.at[t].set(y), None))(ys[t])
        total = direct + (0 if t == 6 else (total * (1 - ys[t + 1] ** 2)) @ params.w_h.T)
        deltas.append(total)
    deltas = jnp.stack(deltas[::-1])

    def formula(w):
        back = jnp.sum(((deltas * (1 - ys**2)) @ w.T) ** 2, -1) / jnp.sum(deltas**2, -1)
        return jnp.mean(((back if squared else jnp.sqrt(back)) - 1) ** 2)

    def omega(params):
        return omega_of(cell, params, xs, loss, squared=squared)

    np.testing.assert_allclose(omega(params), formula(params.w_h), rtol=1e-12)
    gradient = jax.jit(jax.grad(omega))(params)
    np.testing.assert_allclose(gradient.w_h, jax.grad(formula)(params.w_h), rtol=1e-10, atol=1e-13)
    assert not gradient.w_x.any() and not gradient.b.any()


@pytest.mark.parametrize(
    "cell",
    [LSTM(4), IndRNN(3), *(pytest.param(c, marks=pytest.mark.slow) for c in (GRU(3), GRU(3, reset="after"), LRU(3)))],
    ids=str,
)
def test_omega_is_zero_for_no_cell_by_accident_and_has_a_gradient(x64, cell):
    params, xs = problem(cell)
    value, gradient = jax.value_and_grad(lambda p: omega_of(cell, p, xs, every))(params)
    norms = gradflow.gradient_norms(gradflow.trajectory(cell, params, xs), every).joint
    assert value > 0 and norms.shape == (8, 3)
    leaves = jax.tree.leaves(gradient)
    assert all(jnp.isfinite(leaf).all() for leaf in leaves) and any(leaf.any() for leaf in leaves)


def test_an_orthogonal_linear_network_has_no_omega(x64):
    cell = RNN(5, activation="identity")
    params, xs = problem(cell)
    assert omega_of(cell, params, xs, last) < 1e-25


def test_steps_that_do_not_exist_or_follow_a_reset_are_not_counted(x64):
    cell = GRU(3)
    params, xs = problem(cell)
    short = omega_of(cell, params, xs[:4], every)
    padded = omega_of(cell, params, xs, every, mask=jnp.arange(7)[:, None] < jnp.full((1, 3), 4))
    np.testing.assert_allclose(padded, short, rtol=1e-12)
    resets = jnp.zeros((7, 3), bool).at[4].set(True)
    first, second = (
        omega_of(cell, params, xs[:4], every),
        omega_of(cell, params, xs[4:], every),
    )
    # Of three steps after the reset, the first is not counted.
    joined = omega_of(cell, params, xs, every, resets=resets)
    start = omega_of(cell, params, xs[4:], every, resets=jnp.zeros((3, 3), bool).at[0].set(True))
    np.testing.assert_allclose(joined, (4 * first + 2 * start) / 6, rtol=1e-12)
    assert second != start


def test_omega_does_not_underflow_where_the_gradient_does():
    """At distance 400 the gradient is 1e-120 of what it is at the end: float32 has none, its direction remains."""
    cell = RNN(4, activation="identity")
    params, xs = problem(cell, length=400)
    params = params._replace(w_h=0.5 * params.w_h)
    np.testing.assert_allclose(omega_of(cell, params, xs, last), 0.25, rtol=1e-4)


def test_the_norm_stabilizer_is_the_published_formula(x64):
    ys = jax.random.normal(jax.random.key(0), (6, 2, 3))
    norms = np.linalg.norm(ys, axis=-1)
    np.testing.assert_allclose(norm_stabilizer(ys), ((norms[1:] - norms[:-1]) ** 2).mean(), rtol=1e-12)
    mask = jnp.arange(6)[:, None] < jnp.array([[6, 3]])
    pairs = np.concatenate([np.diff(norms[:, 0]), np.diff(norms[:3, 1])])
    np.testing.assert_allclose(norm_stabilizer(ys, mask), (pairs**2).mean(), rtol=1e-12)
    assert norm_stabilizer(ys[:1]) == 0
    assert jnp.isfinite(jax.grad(norm_stabilizer)(jnp.zeros((4, 2, 3)))).all()


def test_flossing_has_the_gradient_of_finite_differences_and_brings_exponents_to_the_target(x64):
    cell = RNN(3)
    params, xs = problem(cell, length=30)
    penalty = lambda p: lyapunov_penalty(trajectory(cell, p, xs), k=2)
    gradient = jax.grad(penalty)(params)
    direction = jax.tree.map(lambda a: jnp.cos(jnp.arange(a.size, dtype=a.dtype)).reshape(a.shape), params)
    move = lambda step: jax.tree.map(lambda a, d: a + step * d, params, direction)
    slope = sum(jnp.sum(a * b) for a, b in zip(gradient, direction, strict=True))
    np.testing.assert_allclose((penalty(move(1e-6)) - penalty(move(-1e-6))) / 2e-6, slope, rtol=1e-6)

    descend = jax.jit(lambda p: jax.tree.map(lambda a, g: a - 0.5 * g, p, jax.grad(penalty)(p)))
    before = penalty(params)
    for _ in range(40):
        params = descend(params)
    assert penalty(params) < before / 20


def test_the_orthogonality_penalty_is_zero_where_every_gate_is_orthogonal(x64):
    weight = GRU(5).init(jax.random.key(0), 2).w_h
    assert orthogonality_penalty(weight, gates=weight.shape[1] // 5) < 1e-25
    np.testing.assert_allclose(orthogonality_penalty(2 * jnp.eye(3)), 9.0, rtol=1e-12)
    with pytest.raises(ValueError, match=r"weight must have the shape \[H, 2 \* H\], got \(3, 3\)"):
        orthogonality_penalty(jnp.eye(3), gates=2)
