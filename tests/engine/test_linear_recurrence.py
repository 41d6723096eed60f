import jax
import jax.numpy as jnp
import jax.test_util
import numpy as np
import pytest

from recurrax.engine import linear_recurrence as module

linear_recurrence = jax.jit(module.linear_recurrence)


def problem(length, *, full, dtype=float, batch=(2,), size=3):
    rng = np.random.default_rng(0)

    def normal(*shape):
        real = rng.normal(size=shape)
        return jnp.asarray(real + 1j * rng.normal(size=shape) if dtype is complex else real)

    a = normal(length, *batch, size, *((size,) if full else ()))
    return a / 2, normal(length, *batch, size), normal(*batch, size)


def by_loop(a, b, start):
    states, s = [], np.asarray(start)
    for a_t, b_t in zip(np.asarray(a), np.asarray(b), strict=True):
        s = (np.einsum("...ij,...j->...i", a_t, s) if a_t.ndim > s.ndim else a_t * s) + b_t
        states.append(s)
    return np.array(states)


@pytest.mark.parametrize("length", [1, 2, 16, 17, 300])
@pytest.mark.parametrize("dtype", [float, complex])
@pytest.mark.parametrize("full", [False, True], ids=["diagonal", "full"])
def test_states_are_those_of_the_loop(x64, full, dtype, length):
    arguments = problem(length, full=full, dtype=dtype)
    np.testing.assert_allclose(linear_recurrence(*arguments), by_loop(*arguments), rtol=1e-12, atol=1e-12)


def test_no_step_gives_no_state():
    assert linear_recurrence(*problem(0, full=False)).shape == (0, 2, 3)


@pytest.mark.parametrize("length", [5, 20])
@pytest.mark.parametrize("full", [False, True], ids=["diagonal", "full"])
def test_derivatives_to_second_order(x64, full, length):
    arguments = problem(length, full=full)
    for mode in ("fwd", "rev"):
        jax.test_util.check_grads(linear_recurrence, arguments, order=2, modes=(mode,), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("full", [False, True], ids=["diagonal", "full"])
def test_gradients_of_complex_factors_are_those_of_the_loop(x64, full):
    def loop(a, b, start):
        def step(s, ab):
            s = (jnp.einsum("...ij,...j->...i", ab[0], s) if full else ab[0] * s) + ab[1]
            return s, s

        return jax.lax.scan(step, start, (a, b))[1]

    def gradients(run):
        arguments = problem(4, full=full, dtype=complex)
        return jax.jit(jax.grad(lambda *arguments: jnp.sum(jnp.sin(run(*arguments)).real), (0, 1, 2)))(*arguments)

    for got, expected in zip(gradients(linear_recurrence), gradients(loop), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)


def test_the_reverse_pass_keeps_factors_and_states_only():
    """A scan that JAX differentiates by itself keeps what every level of its tree computes."""
    a, b, start = problem(4096, full=False, batch=(), size=8)
    gradient = jax.jit(jax.grad(lambda *arguments: jnp.sum(linear_recurrence(*arguments) ** 2), (0, 1, 2)))
    jaxpr = jax.make_jaxpr(lambda *arguments: jax.vjp(module.linear_recurrence, *arguments)[1])(a, b, start)
    kept = sum(v.aval.size for v in jaxpr.jaxpr.outvars if v.aval.size >= a.size // 2)
    assert kept <= 3 * a.size
    assert all(jnp.isfinite(g).all() for g in gradient(a, b, start))
