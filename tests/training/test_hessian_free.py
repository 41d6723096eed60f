import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from recurrax import RNN, unroll
from recurrax.tasks.adding import Adding
from recurrax.training.hessian_free import (
    _conjugate_gradients,
    _curvature,
    _kept_iterates,
    _next_damping,
    truncated_newton,
)


def ill_conditioned(size=30, condition=1e6):
    """Returns a quadratic of known optimum, f(x) = |J (x - optimum)|^2 / 2, and that optimum and J."""
    rng = np.random.default_rng(0)
    u, v = (np.linalg.qr(rng.normal(size=(size, size)))[0] for _ in range(2))
    j = jnp.asarray(u @ np.diag(np.geomspace(1, np.sqrt(condition), size)) @ v)
    optimum = jnp.asarray(rng.normal(size=size))

    def loss(outputs):
        return jnp.sum(outputs**2) / 2

    def network(x):
        return j @ (x - optimum), ()

    return network, loss, optimum, j


def steps(optimizer, network, loss, x, count, value_fn=None):
    """Returns the values of f and of lambda over so many steps, and where they end."""
    value_fn = value_fn or (lambda x: loss(network(x)[0]))

    @jax.jit
    def step(x, state):
        value, gradient = jax.value_and_grad(value_fn)(x)
        change, state = optimizer.update(gradient, state, x, value=value, value_fn=value_fn, network=network, loss=loss)
        return jax.tree.map(jnp.add, x, change), state

    state, values, dampings = optimizer.init(x), [float(value_fn(x))], []
    for _ in range(count):
        x, state = step(x, state)
        values.append(float(value_fn(x)))
        dampings.append(float(state.damping))
    return x, values, dampings


def test_a_quadratic_is_solved_in_one_step(x64):
    network, loss, optimum, _ = ill_conditioned(size=5, condition=10.0)
    optimizer = truncated_newton(damping=1e-9, iterations=10)
    x, _, (damping,) = steps(optimizer, network, loss, jnp.zeros(5), 1)
    np.testing.assert_allclose(x, optimum, atol=1e-7)
    assert damping == pytest.approx(2 / 3 * 1e-9)  # the model was right, so that it is trusted more


def test_on_an_ill_conditioned_problem_it_goes_far_below_what_gradient_descent_reaches(x64):
    """Condition 1e6: gradient descent at the best constant rate, 2 / (least + largest curvature), hardly moves."""
    network, loss, optimum, _ = ill_conditioned()
    x, values, _ = steps(truncated_newton(damping=1e-3, iterations=100), network, loss, jnp.zeros(30), 20)
    descent, gradient = jnp.zeros(30), jax.jit(jax.grad(lambda x: loss(network(x)[0])))
    for _ in range(2000):  # as many gradients as there are products in 20 steps of 100 iterations
        descent = descent - 2 / (1 + 1e6) * gradient(descent)
    assert values[-1] < 1e-6 * float(loss(network(descent)[0]))
    np.testing.assert_allclose(x, optimum, atol=1e-3)


@pytest.fixture
def recurrent(x64):
    """A network of two units on the adding task, its parameters, and a function of them as the optimiser wants it."""
    cell, task = RNN(2), Adding(6)
    batch = jax.tree.map(lambda a: a.astype(float), task.batch(0, 0, 3))
    params = (cell.init(jax.random.key(0), task.input_size), jnp.array([[0.5], [-1.0]]))
    flat, unravel = ravel_pytree(jax.tree.map(lambda a: a.astype(float), params))

    def network(theta):
        cell_params, readout = unravel(theta)
        _, ys = unroll(cell, cell_params, batch.xs)
        return ys @ readout, ys

    return network, functools.partial(task.loss, batch=batch), flat


def test_products_are_those_of_the_matrix_written_out(recurrent):
    network, loss, theta = recurrent
    of_outputs, of_both = _curvature(network, loss, theta, 0.3)
    outputs, _ = network(theta)
    flat_loss = lambda z: loss(z.reshape(outputs.shape))
    j, k = (jax.jacobian(lambda t, n=n: network(t)[n].ravel())(theta) for n in (0, 1))
    matrix = j.T @ jax.hessian(flat_loss)(outputs.ravel()) @ j
    direction = jnp.asarray(np.random.default_rng(1).normal(size=len(theta)))
    np.testing.assert_allclose(of_outputs(direction), matrix @ direction, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(of_both(direction), (matrix + 0.3 * k.T @ k) @ direction, rtol=1e-9, atol=1e-12)


def test_structural_damping_takes_steps_that_change_the_states_less(recurrent):
    network, loss, theta = recurrent

    def change(structural):
        optimizer = truncated_newton(damping=0.1, structural=structural)
        x, _, _ = steps(optimizer, network, loss, theta, 1)
        return float(jnp.linalg.norm(network(x)[1] - network(theta)[1]))

    assert change(100.0) < 0.2 * change(0.0)


def test_conjugate_gradients_end_where_the_linear_system_is_solved(x64):
    rng = np.random.default_rng(2)
    root = rng.normal(size=(12, 12))
    matrix, g = jnp.asarray(root @ root.T + np.eye(12)), jnp.asarray(rng.normal(size=12))
    iterates, last = _conjugate_gradients(lambda d: matrix @ d, g, jnp.zeros(12), 30)
    np.testing.assert_allclose(iterates[last], -np.linalg.solve(matrix, g), atol=1e-6)
    model = lambda d: g @ d + d @ matrix @ d / 2
    values = [float(model(d)) for d in iterates[: int(last) + 1]]
    assert values == sorted(values, reverse=True)
    # From the solution itself there is nowhere to go.
    again, last = _conjugate_gradients(lambda d: matrix @ d, g, iterates[last], 30)
    np.testing.assert_allclose(again[last], -np.linalg.solve(matrix, g), atol=1e-6)


@pytest.mark.parametrize("iterations", [1, 2, 64, 250])
def test_iterates_are_kept_up_to_the_last(iterations):
    kept = _kept_iterates(iterations)
    assert kept == sorted(set(kept)) and kept[0] == 1 and kept[-1] == iterations


@pytest.mark.parametrize(
    ("change", "promised", "factor"),
    [(-1.0, -1.0, 2 / 3), (-0.5, -1.0, 1.0), (-0.1, -1.0, 3 / 2), (0.5, -1.0, 3 / 2), (-1.0, 0.0, 3 / 2),
     (np.inf, -1.0, 3 / 2), (np.nan, -1.0, 3 / 2)],
)  # fmt: skip
def test_damping_follows_how_far_the_model_can_be_trusted(change, promised, factor):
    after = _next_damping(jnp.float32(0.3), jnp.float32(change), jnp.float32(promised))
    assert float(after) == pytest.approx(0.3 * factor)


def test_a_step_that_would_raise_the_loss_is_not_taken_and_leaves_more_damping():
    """A wall beside the start: beyond it the loss is not finite, so that the step ends before it."""

    def wall(x):
        return jnp.where(jnp.all(x > 0.5), jnp.sum(x**2), jnp.nan)

    network, loss = (lambda x: (x, ())), (lambda z: jnp.sum(z**2))
    x, values, dampings = steps(truncated_newton(damping=1e-6), network, loss, jnp.array([1.0]), 3, value_fn=wall)
    assert (
        np.all(np.isfinite(values)) and values == sorted(values, reverse=True) and dampings[0] == pytest.approx(1.5e-6)
    )
    # And where every step goes up, none is taken.
    rising = {"value_fn": lambda x: -jnp.sum(x**2), "network": network, "loss": loss}
    optimizer = truncated_newton()
    change, _ = optimizer.update(2 * x, optimizer.init(x), x, value=-jnp.sum(x**2) - 1, **rising)
    assert float(jnp.abs(change).max()) == 0


def test_it_works_on_trees_and_in_a_chain_of_optax():
    optimizer = truncated_newton(damping=1e-6)
    chain = optax.chain(optax.identity(), optax.GradientTransformationExtraArgs(optimizer.init, optimizer.update))
    x = {"a": jnp.ones(2), "b": [jnp.full((1, 2), 3.0)]}

    def f(x):
        return jnp.sum(x["a"] ** 2) + 10 * jnp.sum(x["b"][0] ** 2)

    value, gradient = jax.value_and_grad(f)(x)
    functions = {"value_fn": f, "network": lambda x: (x, ()), "loss": f}
    change, _ = chain.update(gradient, chain.init(x), x, value=value, **functions)
    jax.tree.map(lambda a, c: np.testing.assert_allclose(a + c, 0, atol=1e-4), x, change)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"damping": 0.0}, "damping"), ({"structural": -1.0}, "structural"), ({"iterations": 0}, "iterations"),
     ({"decay": 1.5}, "decay"), ({"damping": "a"}, "damping")],
)  # fmt: skip
def test_what_is_no_setting_is_refused(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        truncated_newton(**arguments)
