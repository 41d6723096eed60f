import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate

from recurrax import unroll
from recurrax.cells._base.timed import Timed
from recurrax.cells.ltc import LTC
from tests.oracles import sigmoid

VARIANTS = [LTC(hidden_size=3), LTC(hidden_size=4, unfolds=2)]
POSITIVE = ("w_x", "w_h", "leak", "capacitance")


def inputs(cell, rng, length, batch):
    return Timed(rng.normal(size=(length, *batch, 3)), rng.uniform(0.2, 2.0, size=(length, *batch)))


def synapse(a, w, centre, slope):
    """w sigmoid(slope (a_j - centre_ji)) of every synapse from j to i."""
    return w * sigmoid(slope * (np.asarray(a)[:, None] - centre))


def oracle_step(cell, params, carry, x):
    """Hasani et al. (2021), the fused solver of algorithm 1, for the neurons of the ncps library."""
    p = params._replace(**{name: np.log1p(np.exp(getattr(params, name))) for name in POSITIVE})
    size, v = len(carry.h), carry.h
    for _ in range(cell.unfolds):
        step = x.time_step / cell.unfolds
        new = np.zeros(size)
        from_x = synapse(x.x, p.w_x, p.centre_x, p.slope_x)
        from_v = synapse(v, p.w_h, p.centre_h, p.slope_h)
        for i in range(size):
            above = p.capacitance[i] / step * v[i] + p.leak[i] * p.rest[i]
            below = p.capacitance[i] / step + p.leak[i]
            above += sum(from_x[:, i] * p.reversal_x[:, i]) + sum(from_v[:, i] * p.reversal_h[:, i])
            below += sum(from_x[:, i]) + sum(from_v[:, i])
            new[i] = above / below
        v = new
    return type(carry)(v), v


def right_side(p, v, x):
    """dv/dt of the differential equation itself."""
    from_x, from_v = synapse(x, p.w_x, p.centre_x, p.slope_x), synapse(v, p.w_h, p.centre_h, p.slope_h)
    current = p.leak * (p.rest - v) + (from_x * (p.reversal_x - v)).sum(0) + (from_v * (p.reversal_h - v)).sum(0)
    return current / p.capacitance


def test_with_many_unfolds_it_solves_the_differential_equation_to_first_order(x64):
    params = LTC(hidden_size=3).init(jax.random.key(0), 2)
    p = jax.device_get(LTC(hidden_size=3).prepare(params))
    x = np.array([0.4, -1.0])
    exact = scipy.integrate.solve_ivp(lambda _, v: right_side(p, v, x), (0, 1.5), np.zeros(3), rtol=1e-10, atol=1e-12)
    xs = Timed(jnp.asarray(x)[None], jnp.array([1.5]))
    errors = [
        np.abs(unroll(LTC(hidden_size=3, unfolds=n), params, xs)[0].h - exact.y[:, -1]).max() for n in (8, 16, 32)
    ]
    assert errors[2] < 0.02
    np.testing.assert_allclose([errors[0] / errors[1], errors[1] / errors[2]], 2, atol=0.5)


def test_no_time_leaves_the_state_as_it_was_and_has_finite_gradients(x64):
    cell = LTC(hidden_size=3)
    params = cell.init(jax.random.key(0), 2)
    start = cell.initial_carry(params)._replace(h=jnp.array([0.3, -0.7, 0.1]))
    xs = Timed(jnp.ones((4, 2)), jnp.zeros(4))
    np.testing.assert_allclose(unroll(cell, params, xs, start)[0].h, start.h, rtol=1e-12)
    gradient = jax.grad(lambda params, xs: unroll(cell, params, xs, start)[1].sum(), (0, 1))(params, xs)
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


@pytest.mark.parametrize("time_step", [1e-3, 1.0, 1e6])
def test_the_state_stays_between_the_rest_and_reversal_potentials(time_step):
    cell = LTC(hidden_size=8)
    params = cell.init(jax.random.key(0), 3)
    xs = Timed(100 * jax.random.normal(jax.random.key(1), (50, 3)), jnp.full(50, time_step))
    _, ys = unroll(cell, params, xs)
    assert jnp.abs(ys).max() <= 1 + 1e-6


def test_parameters_are_drawn_from_the_ranges_of_ncps():
    cell = LTC(hidden_size=60)
    weights = cell.prepare(cell.init(jax.random.key(0), 5))
    ranges = {
        "w_x": (0.001, 1), "w_h": (0.001, 1), "centre_x": (0.3, 0.8), "centre_h": (0.3, 0.8), "slope_x": (3, 8),
        "slope_h": (3, 8), "leak": (0.001, 1), "rest": (-0.2, 0.2), "capacitance": (0.4, 0.6),
    }  # fmt: skip
    for name, (low, high) in ranges.items():
        value = np.asarray(getattr(weights, name))
        assert low - 1e-6 <= value.min() and value.max() <= high + 1e-6, name
        np.testing.assert_allclose(value.mean(), (low + high) / 2, atol=0.15 * (high - low), err_msg=name)
    assert set(np.unique(weights.reversal_h)) == {-1, 1}
    np.testing.assert_allclose(weights.reversal_h.mean(), 1 / 3, atol=0.06)


def test_an_input_without_times_is_refused():
    cell = LTC(hidden_size=3)
    with pytest.raises(TypeError, match=r"xs \(.*\) is no input that LTC"):
        unroll(cell, cell.init(jax.random.key(0), 2), jnp.ones((4, 2)))
    assert cell.zero_input(2).x.shape == (2,) and cell.zero_input(2).time_step == 1
