import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, cells
from recurrax.cells._base.forget_bias import DefaultForgetBias, memory_biases, settled_forget_bias
from recurrax.initializers import Chrono, Ramp
from tests.cells import cases


def test_the_default_gives_way_where_there_is_no_bias_and_a_wish_does_not():
    assert settled_forget_bias(DefaultForgetBias(1.0), use_bias=True) == 1.0
    assert settled_forget_bias(DefaultForgetBias(1.0), use_bias=False) == 0.0
    for wish in (1.0, Chrono(9.0), Ramp(3.0, 6.0)):
        assert settled_forget_bias(wish, use_bias=True) == wish
        with pytest.raises(ValueError, match="^forget_bias must be 0 where use_bias is False, got .*; leave it out"):
            settled_forget_bias(wish, use_bias=False)


def test_every_cell_with_a_forget_bias_can_be_had_without_biases():
    names = {"use_bias", "forget_bias"}
    classes = [cls for cls in cases.UNITS if names <= {field.name for field in dataclasses.fields(cls)}]
    assert {LSTM, GRU, cells.MLSTM} < set(classes)
    for cls in classes:
        assert cls(hidden_size=4, use_bias=False).forget_bias == 0


def test_a_default_is_a_plain_number_to_those_who_compare_print_or_replace_it():
    assert LSTM(4) == LSTM(4, forget_bias=1.0) and hash(LSTM(4)) == hash(LSTM(4, forget_bias=1.0))
    assert "forget_bias=1.0" in repr(LSTM(4))
    assert dataclasses.replace(LSTM(4), use_bias=False) == LSTM(4, use_bias=False)
    assert dataclasses.replace(cells.SLSTM(4), use_bias=False) == cells.SLSTM(4, use_bias=False)
    with pytest.raises(ValueError, match="forget_bias must be 0"):
        cells.SLSTM(4, use_bias=False, forget_bias=Ramp(5.0, -7.0, power=0.3))
    assert LSTM(4, use_bias=False).init(jax.random.key(0), 3).b is None


def test_chrono_draws_memory_times_uniformly_between_its_bounds(x64):
    forget, write = memory_biases(Chrono(t_max=100.0, t_min=20.0), jax.random.key(0), 20_000)
    np.testing.assert_array_equal(write, -forget)
    time = np.exp(np.asarray(forget))
    assert time.min() >= 20 and time.max() <= 100
    quantiles = np.quantile(time, [0.1, 0.25, 0.5, 0.75, 0.9])
    np.testing.assert_allclose(quantiles, 20 + 80 * np.array([0.1, 0.25, 0.5, 0.75, 0.9]), atol=1.5)
    forgetting_time = 1 / (1 - 1 / (1 + np.exp(-np.asarray(forget))))
    np.testing.assert_allclose(forgetting_time, 1 + time, rtol=1e-10)


def test_a_ramp_leaves_the_input_gate_alone_and_of_one_unit_is_its_first():
    forget, write = memory_biases(Ramp(3.0, 6.0), jax.random.key(0), 1)
    assert forget == 3 and not write.any()


def test_chrono_of_one_time_gives_every_unit_that_time():
    forget, _ = memory_biases(Chrono(t_max=30.0, t_min=30.0), jax.random.key(0), 5)
    np.testing.assert_allclose(forget, np.log(30.0), rtol=1e-6)


def test_a_number_is_the_forget_bias_of_all_units_and_leaves_the_input_gate_alone():
    forget, write = memory_biases(2, jax.random.key(0), 5, jnp.float16)
    assert forget.dtype == write.dtype == jnp.float16
    assert (forget == 2).all() and not write.any()
