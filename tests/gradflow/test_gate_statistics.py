import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, RNN, gradflow
from recurrax.cells import ConvGRU
from recurrax.initializers import Chrono
from tests.gradflow.references import FEATURES, sequences


def test_activations_satisfy_the_equations_of_an_lstm(x64):
    cell, xs = LSTM(5), sequences()
    params = cell.init(jax.random.key(0), FEATURES)
    gates = gradflow.gate_activations(gradflow.trajectory(cell, params, xs))
    h = c = np.zeros((xs.shape[1], 5))
    for t in range(len(xs)):
        pre = np.split(np.asarray(xs[t] @ params.w_x + h @ params.w_h + params.b[None]), 4, axis=-1)
        i, f, o = (1 / (1 + np.exp(-pre[n])) for n in (0, 1, 3))
        np.testing.assert_allclose(gates.f[t], f, atol=1e-12)
        c = f * c + i * np.tanh(pre[2])
        h = o * np.tanh(c)


def test_means_and_saturation_count_only_steps_that_exist():
    cell, xs = LSTM(5, forget_bias=2.0), 3 * sequences()
    params = cell.init(jax.random.key(0), FEATURES)
    mask = jax.random.bernoulli(jax.random.key(3), 0.6, xs.shape[:2])
    statistics = gradflow.gate_statistics(gradflow.trajectory(cell, params, xs, mask=mask))
    gates = gradflow.gate_activations(gradflow.trajectory(cell, params, xs, mask=mask))
    counted = np.asarray(gates.f)[np.asarray(mask)]
    np.testing.assert_allclose(statistics.mean.f, counted.mean(0), rtol=1e-5)
    np.testing.assert_allclose(statistics.high.f, (counted > 0.9).mean(0), rtol=1e-5)
    np.testing.assert_allclose(statistics.low.f, (counted < 0.1).mean(0), rtol=1e-5)
    candidate = np.asarray(gates.g)[np.asarray(mask)]
    np.testing.assert_allclose(statistics.low.g, (candidate < -0.9).mean(0), rtol=1e-5)


@pytest.mark.parametrize("make", [LSTM, GRU])
def test_memory_time_at_rest_is_that_of_the_forget_bias(make):
    cell = make(5, forget_bias=3.0)
    statistics = gradflow.gate_statistics(
        gradflow.trajectory(cell, cell.init(jax.random.key(0), FEATURES), jnp.zeros((7, 2, FEATURES)))
    )
    np.testing.assert_allclose(statistics.memory_time, 1 + np.exp(3.0), rtol=1e-5)


def test_memory_times_of_chrono_lie_in_its_range():
    cell = LSTM(64, forget_bias=Chrono(t_max=100, t_min=10))
    statistics = gradflow.gate_statistics(
        gradflow.trajectory(cell, cell.init(jax.random.key(0), FEATURES), jnp.zeros((1, FEATURES)))
    )
    assert (statistics.memory_time > 10.9).all() and (statistics.memory_time < 101.1).all()


def test_a_reset_is_seen_by_the_gates():
    cell, xs = LSTM(5), sequences(batch=())
    params = cell.init(jax.random.key(0), FEATURES)
    gates = gradflow.gate_activations(gradflow.trajectory(cell, params, xs, resets=jnp.arange(len(xs)) == 6))
    np.testing.assert_allclose(
        gates.i[6:], gradflow.gate_activations(gradflow.trajectory(cell, params, xs[6:])).i, atol=1e-6
    )


def test_reversal_keeps_the_order_of_the_inputs():
    cell, xs = GRU(5), sequences()
    params = cell.init(jax.random.key(0), FEATURES)
    backwards = gradflow.gate_activations(gradflow.trajectory(cell, params, xs, reverse=True))
    np.testing.assert_allclose(
        backwards.z[::-1], gradflow.gate_activations(gradflow.trajectory(cell, params, xs[::-1])).z, atol=1e-6
    )


def test_a_cell_without_gates_is_refused():
    cell = RNN(4)
    with pytest.raises(TypeError, match="path must be of a cell that has gates, got one of"):
        gradflow.gate_statistics(gradflow.trajectory(cell, cell.init(jax.random.key(0), FEATURES), sequences()))


@pytest.mark.parametrize("make", [LSTM, GRU])
def test_a_memory_time_that_float32_cannot_tell_from_one_is_that_of_its_bias(make):
    cell = make(3, forget_bias=30.0)
    path = gradflow.trajectory(cell, cell.init(jax.random.key(0), FEATURES), jnp.zeros((4, 2, FEATURES)))
    np.testing.assert_allclose(gradflow.gate_statistics(path).memory_time, np.exp(30), rtol=1e-5)


def test_a_unit_whose_gates_are_not_finite_has_no_statistics():
    cell, xs = LSTM(3), sequences().at[2, 0].set(jnp.nan)
    statistics = gradflow.gate_statistics(gradflow.trajectory(cell, cell.init(jax.random.key(0), FEATURES), xs))
    for values in jax.tree.leaves(statistics):
        assert np.isnan(values).all()


def test_steps_under_the_mask_are_not_counted_where_gates_have_axes_of_space():
    cell = ConvGRU(2)
    image = cell.zero_input(1)
    xs = jax.random.normal(jax.random.key(1), (4, 2, *image.shape))
    params = cell.init(jax.random.key(0), image.shape[-1])
    mask = jnp.array([[True, False]] * 4)
    masked = gradflow.gate_statistics(gradflow.trajectory(cell, params, xs, mask=mask))
    alone = gradflow.gate_statistics(gradflow.trajectory(cell, params, xs[:, :1]))
    np.testing.assert_allclose(masked.mean.z, alone.mean.z, rtol=1e-5)
