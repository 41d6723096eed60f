from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, RNN, Newton, convergence, explain, unroll
from recurrax.cell import dot
from recurrax.cells.diagonal_gru import DiagonalGRU
from recurrax.cells.indrnn import IndRNN
from recurrax.cells.lru import LRU
from recurrax.cells.min_gru import MinGRU
from recurrax.initializers import Gaussian


def drawn(cell, length=40, batch=(2,), size=3):
    params = cell.init(jax.random.key(0), size)
    return cell, params, jax.random.normal(jax.random.key(1), (length, *batch, size))


def test_a_linear_cell_takes_one_iteration(x64):
    report = convergence(*drawn(MinGRU(4)))
    assert int(report.iterations) == 1 and bool(report.converged) and report.residual < 1e-14


def test_convergence_is_quadratic_with_the_jacobian_and_slower_with_its_diagonal(x64):
    cell, params, xs = drawn(GRU(4), 60)

    def residuals(jacobian):
        return [
            float(convergence(cell, params, xs, executor=Newton(jacobian, tolerance=1e-300, max_iterations=n)).residual)
            for n in (3, 4, 5, 6)
        ]

    full, diagonal = residuals("full"), residuals("diagonal")
    assert full[1] < 1e-2 * full[0] and full[-1] < 1e-14
    assert diagonal[-1] > 1e3 * full[-1]
    assert bool(convergence(cell, params, xs, executor=Newton("diagonal")).converged)


@pytest.mark.parametrize("how", [Newton(damping=0.9), Newton("diagonal", damping=0.5), Newton("diagonal")])
def test_the_first_k_states_are_exact_after_k_iterations(x64, how):
    """So that T iterations are always enough, whatever A_t is."""
    cell, params, xs = drawn(LSTM(3), 12)
    report = convergence(cell, params, xs, executor=how)
    assert int(report.iterations) <= 13 and bool(report.converged)


def test_a_run_that_does_not_converge_is_done_by_scan_to_the_bit(x64):
    """Chaos: every iteration makes a few more steps right, and no more."""
    cell, params, xs = drawn(RNN(8, recurrent_init=Gaussian(gain=4.0)), 400)
    how = Newton(max_iterations=20)
    report = convergence(cell, params, xs, executor=how)
    assert int(report.iterations) == 20 and not bool(report.converged) and report.residual > 1e-3
    expected, got = (unroll(cell, params, xs, executor=b) for b in ("scan", how))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12), got, expected)

    def value(params, executor):
        return jnp.sum(unroll(cell, params, xs[:30], executor=executor)[1] ** 2)

    exact, got = (jax.grad(value)(params, b) for b in ("scan", Newton(max_iterations=1)))
    for a, b in zip(got, exact, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


def test_a_run_that_does_not_converge_keeps_masks_and_resets(x64):
    cell, params, xs = drawn(RNN(3), 12)
    flags = {"mask": np.arange(24).reshape(12, 2) % 3 > 0, "resets": np.arange(24).reshape(12, 2) % 5 == 4}
    how = Newton(max_iterations=1)
    assert not bool(convergence(cell, params, xs, executor=how, **flags).converged)
    expected, got = (unroll(cell, params, xs, executor=b, **flags) for b in ("scan", how))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15), got, expected)


def test_damping_keeps_the_solution_and_costs_iterations_where_none_is_needed(x64):
    cell, params, xs = drawn(DiagonalGRU(4), 100)
    plain, damped = (convergence(cell, params, xs, executor=Newton(damping=d)) for d in (0.0, 0.3))
    assert bool(damped.converged) and int(damped.iterations) > int(plain.iterations)
    expected, got = (unroll(cell, params, xs, executor=b)[1] for b in ("scan", Newton(damping=0.3)))
    np.testing.assert_allclose(got, expected, atol=1e-12)


def test_nan_in_the_input_is_what_scan_makes_of_it():
    cell, params, xs = drawn(DiagonalGRU(3), 10)
    xs = xs.at[5, 0].set(jnp.nan)
    assert not bool(convergence(cell, params, xs).converged)
    expected, got = (unroll(cell, params, xs, executor=b)[1] for b in ("scan", "newton"))
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6)
    assert np.isnan(got).any() and np.isfinite(got[:, 1]).all()


def test_float32_over_thousands_of_steps():
    for cell in (DiagonalGRU(8), IndRNN(8, activation="tanh")):
        cell, params, xs = drawn(cell, 4096)
        report = convergence(cell, params, xs)
        assert bool(report.converged) and int(report.iterations) < 30
        expected, got = (unroll(cell, params, xs, executor=b)[1] for b in ("scan", "newton"))
        np.testing.assert_allclose(got, expected, atol=2e-5)


def test_masks_resets_and_reverse_are_part_of_the_equations(x64):
    cell, params, xs = drawn(DiagonalGRU(3))
    mask, resets = (np.random.default_rng(n).random((40, 2)) < p for n, p in ((0, 0.7), (1, 0.2)))
    report = convergence(cell, params, xs, mask=mask, resets=resets, reverse=True)
    assert bool(report.converged)
    assert int(report.iterations) <= int(convergence(cell, params, xs).iterations) + 1


def test_a_large_number_hides_no_error_of_a_small_one():
    """A counter that runs to 200,000 beside a state in (-1, 1)."""

    class Carry(NamedTuple):
        h: jax.Array
        n: jax.Array

    class WithCounter(DiagonalGRU):
        def initial_carry(self, weights, batch_shape=()):
            h = super().initial_carry(weights, batch_shape).h
            return Carry(h, jnp.zeros_like(h))

        def step(self, weights, carry, z, dot=dot):
            return Carry(super().step(weights, carry, z, dot).h, carry.n + 100)

    cell, params, xs = drawn(WithCounter(3), 2000)
    assert int(convergence(cell, params, xs).iterations) > 1
    expected, got = (unroll(cell, params, xs, executor=b)[1] for b in ("scan", "newton"))
    np.testing.assert_allclose(got, expected, atol=2e-5)


def test_what_overflows_on_the_way_starts_anew():
    """At rest a weight of 30 multiplies by 30 at every step: the first iterate is inf, and the states are not.

    Without a new start every iteration would make one more step finite: 32 of them.
    """
    cell, params, xs = drawn(IndRNN(3, activation="tanh"), 60)
    params, xs = params._replace(u=jnp.full(3, 30.0)), 1e-3 * xs
    report = convergence(cell, params, xs)
    assert bool(report.converged) and 1 < int(report.iterations) < 10
    expected, got = (unroll(cell, params, xs, executor=b)[1] for b in ("scan", "newton"))
    np.testing.assert_allclose(got, expected, atol=2e-5)


def test_a_run_converges_with_as_many_iterations_as_it_needs():
    cell, params, xs = drawn(GRU(3), 30)
    needed = int(convergence(cell, params, xs).iterations)
    for iterations, converged in ((needed, True), (needed - 1, False)):
        report = convergence(cell, params, xs, executor=Newton(max_iterations=iterations))
        assert int(report.iterations) == iterations and bool(report.converged) == converged


def test_large_states_are_held_to_what_their_size_allows():
    cell, params, xs = drawn(IndRNN(3, activation="identity"), 50)
    start = jax.tree.map(lambda a: a + 1e5 / 3, cell.initial_carry(params, (2,)))
    report = convergence(cell, params, 1e5 * xs, start)
    assert bool(report.converged) and int(report.iterations) <= 2


def test_a_step_without_forward_mode_is_refused():
    @jax.custom_vjp
    def spike(a):
        return jnp.sign(a)

    spike.defvjp(lambda a: (spike(a), None), lambda _, g: (g,))

    class Spiking(IndRNN):
        def step(self, weights, carry, z, dot=dot):
            return type(carry)(spike(super().step(weights, carry, z, dot).h))

    cell, params, xs = drawn(Spiking(3))
    with pytest.raises(ValueError, match=r"reverse mode only .*use executor='scan'"):
        unroll(cell, params, xs, executor="newton")
    with pytest.raises(ValueError, match="^Newton's method cannot run .*reverse mode only"):
        convergence(cell, params, xs)


def test_convergence_of_no_step_is_refused():
    cell, params, xs = drawn(RNN(3))
    with pytest.raises(ValueError, match="xs must have at least one step"):
        convergence(cell, params, xs[:0])


def test_what_it_cannot_run_is_refused_with_a_reason():
    cell, params, xs = drawn(LRU(3))
    with pytest.raises(ValueError, match=r"complex64; Newton's method needs float32 or float64.*use executor='scan'"):
        unroll(cell, params, xs, executor="newton")
    cell, params, xs = drawn(RNN(3))
    half = jax.tree.map(lambda a: a.astype(jnp.bfloat16), params)
    with pytest.raises(ValueError, match="bfloat16"):
        unroll(cell, half, xs.astype(jnp.bfloat16), executor="newton")
    assert explain(cell, params, xs, executor=Newton(damping=0.1)).executor == "newton"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"jacobian": "dense"}, ValueError, "jacobian must be one of 'auto', 'full', 'diagonal', got 'dense'"),
        ({"damping": 1.0}, ValueError, "damping must be at least 0 and below 1, got 1.0"),
        ({"damping": "0"}, TypeError, "damping must be a number"),
        ({"tolerance": 0.0}, ValueError, "tolerance must be above 0"),
        ({"max_iterations": 0}, ValueError, "max_iterations must be at least 1"),
    ],
)
def test_wrong_settings_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        Newton(**arguments)


def test_convergence_is_that_of_newton_alone():
    with pytest.raises(TypeError, match=r"executor must be 'newton' or an instance of recurrax.Newton, got 'scan'"):
        convergence(*drawn(RNN(3)), executor="scan")
