"""Steps are cut at their products, and what is cut is the step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, RNN, from_step
from recurrax.cells.indrnn import IndRNN
from recurrax.cells.layer_norm_lstm import LayerNormLSTM
from recurrax.cells.lru import LRU
from recurrax.cells.mgu import MGU
from recurrax.cells.peephole_lstm import PeepholeLSTM
from recurrax.cells.projected_lstm import ProjectedLSTM
from recurrax.cells.slstm import SLSTM
from recurrax.engine.kernel.cut.elementwise_step import elementwise_step
from recurrax.engine.kernel.cut.evaluation import NotElementwiseError
from recurrax.engine.make_run import make_run
from recurrax.wrappers.recurrent_gradient import RecurrentGradient


def cut(cell, **flags):
    params = cell.init(jax.random.key(0), 3)
    run = make_run(cell, params, jnp.ones((4, 2, 3)), mask=flags.get("mask"), resets=flags.get("resets"))
    return elementwise_step(run)


@pytest.mark.parametrize(
    ("cell", "gates", "constants"),
    [
        (RNN(4), (1,), 0),
        (LSTM(4), (4,), 0),
        (PeepholeLSTM(4), (4,), 3),
        (GRU(4, reset="after"), (3,), 1),
        (GRU(4), (2, 1), 0),
        (MGU(4), (1, 1), 0),
        (IndRNN(4), (), 1),
        (SLSTM(4, num_heads=2), (4,), 0),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "hidden_size") else str(value),
)
def test_products_gates_and_constants_of_a_step(cell, gates, constants):
    step = cut(cell)
    assert tuple(len(stage.gates) for stage in step.stages) == gates
    assert step.counts.constants == constants
    assert step.units == 4


def test_heads_are_found():
    assert cut(SLSTM(6, num_heads=3)).heads == 3
    assert cut(SLSTM(6, num_heads=1)).heads == 1
    assert cut(LSTM(6)).heads == 1


def test_flags_are_lanes_and_a_reset_brings_what_it_restores():
    plain, both = cut(LSTM(4)), cut(LSTM(4), mask=jnp.ones((4, 2), bool), resets=jnp.ones((4, 2), bool))
    assert both.counts.z == plain.counts.z + 2
    assert both.counts.constants == plain.counts.constants + 2


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (LayerNormLSTM(4), "mixes units by 'reduce_sum'"),
        (ProjectedLSTM(4, output_size=3), "different sizes"),
        (LRU(4), "complex numbers"),
        (RecurrentGradient(LSTM(4), clip_value=1.0), "derivative of its own"),
        (RecurrentGradient(LSTM(4), cut=("c",)), "'stop_gradient'"),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "init") else "",
)
def test_what_cannot_be_cut_is_refused_with_the_reason(cell, reason):
    with pytest.raises(NotElementwiseError, match=reason):
        cut(cell)


def step_of(change):
    return from_step(
        lambda params, h, x: (change(h, x), h), lambda params, batch: jnp.zeros((*batch, 4)), output=lambda p, h: h
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda h, x: h[..., ::-1] + h, "different units"),
        (lambda h, x: h[..., ::-1] * x, "another order"),
        (lambda h, x: h * jnp.cumsum(h, -1), "mixes units"),
        (lambda h, x: jnp.concatenate([jnp.tanh(h[..., :2]), h[..., 2:]], -1), "some units otherwise"),
    ],
)
def test_units_that_see_each_other_are_refused(change, reason):
    cell = step_of(change)
    with pytest.raises(NotElementwiseError, match=reason):
        elementwise_step(make_run(cell, None, jnp.ones((4, 2, 1))))


def test_a_step_with_an_array_of_its_own_keeps_it_in_the_order_of_the_units():
    scale = np.array([1.0, 2.0, 3.0, 4.0], np.float32)
    cell = step_of(lambda h, x: h * scale + jax.nn.softplus(x))
    step = elementwise_step(make_run(cell, None, jnp.ones((4, 2, 1))))
    (found,) = step.constants(None)
    np.testing.assert_array_equal(found, scale)
    h, x = jnp.arange(4.0), jnp.full(4, 0.5)
    np.testing.assert_allclose(step.update((found,), (h,), (x,), ())[0], h * scale + jax.nn.softplus(x), rtol=1e-6)
