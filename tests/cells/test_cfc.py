import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import unroll
from recurrax.cells._base.timed import Timed
from recurrax.cells.cfc import CfC
from tests.oracles import ACTIVATIONS, sigmoid

VARIANTS = [
    CfC(hidden_size=4, backbone_size=6),
    CfC(hidden_size=3, gated=False, backbone_size=5, backbone_layers=2, backbone_activation="silu"),
    CfC(hidden_size=4, backbone_layers=0),
]
MAY_BE_ZERO = ("backbone_layers",)


def inputs(cell, rng, length, batch):
    return Timed(rng.normal(size=(length, *batch, 3)), rng.uniform(0.2, 2.0, size=(length, *batch)))


def oracle_gates(cell, params, carry, x):
    """Hasani et al. (2022), with the bias in time that the ncps library adds."""
    squash = ACTIVATIONS.get(cell.backbone_activation, lambda a: 1.7159 * np.tanh(0.666 * a))
    a = np.concatenate([x.x, carry.h]) @ np.concatenate([params.w_x, params.w_h]) + params.b
    for layer in params.deeper:
        a = squash(a) @ layer.w + layer.b
    g, h, f, b = np.split(a, 4)
    return {"g": np.tanh(g), "h": np.tanh(h), "t": sigmoid(f * x.time_step + b)}


def oracle_step(cell, params, carry, x):
    """x(t) = sigmoid(-f t) g + (1 - sigmoid(-f t)) h."""
    gates = oracle_gates(cell, params, carry, x)
    first = (1 - gates["t"]) * gates["g"] if cell.gated else gates["g"]
    h = first + gates["t"] * gates["h"]
    return type(carry)(h), h


def test_time_takes_the_state_from_between_g_and_h_to_one_of_them(x64):
    cell = CfC(hidden_size=4)
    params = cell.init(jax.random.key(0), 3)
    x = jnp.array([0.3, -1.0, 2.0])

    def after(time_step):
        z = cell.project(params, Timed(x, jnp.asarray(time_step)))
        start = cell.initial_carry(params)
        return cell.gates(params, start, z), cell.step(params, start, z).h

    gates, h = after(0.0)
    assert (h > jnp.minimum(gates.g, gates.h)).all() and (h < jnp.maximum(gates.g, gates.h)).all()
    rising = after(1.0)[0].t > after(0.5)[0].t
    gates, h = after(1e6)
    np.testing.assert_allclose(h, jnp.where(rising, gates.h, gates.g), rtol=1e-12)


def test_layers_of_the_backbone_are_as_many_and_as_wide_as_asked_for():
    params = CfC(hidden_size=4, backbone_layers=3, backbone_size=7).init(jax.random.key(0), 2)
    assert (params.w_x.shape, params.w_h.shape, params.b.shape) == ((2, 7), (4, 7), (7,))
    assert [layer.w.shape for layer in params.deeper] == [(7, 7), (7, 7), (7, 16)]
    params = CfC(hidden_size=4, backbone_layers=0).init(jax.random.key(0), 2)
    assert (params.w_x.shape, params.w_h.shape, params.deeper) == ((2, 16), (4, 16), ())


def test_a_step_in_time_differs_by_example():
    cell = CfC(hidden_size=4)
    params = cell.init(jax.random.key(0), 3)
    xs = Timed(jnp.ones((5, 2, 3)), jnp.tile(jnp.array([0.1, 3.0]), (5, 1)))
    _, ys = unroll(cell, params, xs)
    for b, time_step in enumerate((0.1, 3.0)):
        single = unroll(cell, params, Timed(jnp.ones((5, 3)), jnp.full(5, time_step)))[1]
        np.testing.assert_allclose(ys[:, b], single, rtol=1e-5, atol=1e-6)
    assert (ys[:, 0] != ys[:, 1]).any()


def test_an_input_without_times_is_refused():
    cell = CfC(hidden_size=3)
    with pytest.raises(TypeError, match=r"xs \(.*\) is no input that CfC"):
        unroll(cell, cell.init(jax.random.key(0), 2), jnp.ones((4, 2)))
