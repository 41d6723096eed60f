import jax
import jax.numpy as jnp
import numpy as np

from recurrax import unroll
from recurrax.cells.depth_gated_lstm import DepthGatedLSTM
from recurrax.cells.peephole_lstm import PeepholeLSTM, PeepholeLSTMParams
from tests.oracles import sigmoid

VARIANTS = [
    DepthGatedLSTM(hidden_size=3),
    DepthGatedLSTM(hidden_size=2, num_layers=3, use_bias=False, forget_bias=0.0),
    DepthGatedLSTM(hidden_size=3, num_layers=1),
]


def run(params, carry, x):
    """Yao et al. (2015), layer by layer."""
    gates, c_below, y = {name: [] for name in "ifgod"}, None, x
    hs, cs = [], []
    for n, layer in enumerate(params.layers):
        h, c = carry.h[n], carry.c[n]
        b = 0 if layer.b is None else layer.b
        a_i, a_f, a_g, a_o = np.split(y @ layer.w_x + h @ layer.w_h + b, 4)
        i, f, g = sigmoid(a_i + layer.p[0] * c), sigmoid(a_f + layer.p[1] * c), np.tanh(a_g)
        new = f * c + i * g
        if n > 0:
            gate = params.depth[n - 1]
            d = sigmoid(y @ gate.w_x + gate.p[0] * c + gate.p[1] * c_below + (0 if gate.b is None else gate.b))
            new = new + d * c_below
            gates["d"].append(d)
        o = sigmoid(a_o + layer.p[2] * new)
        y, c_below = o * np.tanh(new), new
        hs.append(y)
        cs.append(new)
        for name, value in zip("ifgo", (i, f, g, o), strict=True):
            gates[name].append(value)
    width = len(y)
    return {name: np.reshape(value, (-1, width)) for name, value in gates.items()}, np.stack(hs), np.stack(cs)


def oracle_gates(cell, params, carry, x):
    return run(params, carry, x)[0]


def oracle_step(cell, params, carry, x):
    _, h, c = run(params, carry, x)
    return type(carry)(h, c), h[-1]


def test_a_single_layer_is_the_lstm_with_peepholes():
    cell = DepthGatedLSTM(hidden_size=4, num_layers=1)
    params = cell.init(jax.random.key(0), 3)
    xs = jax.random.normal(jax.random.key(1), (9, 2, 3))
    _, plain = unroll(PeepholeLSTM(hidden_size=4), PeepholeLSTMParams(*params.layers[0]), xs)
    np.testing.assert_allclose(unroll(cell, params, xs)[1], plain, atol=1e-6)


def test_a_depth_gate_that_is_open_adds_the_lower_cell_state():
    cell = DepthGatedLSTM(hidden_size=1, depth_bias=30.0)
    params = jax.tree.map(jnp.zeros_like, cell.init(jax.random.key(0), 1))
    gate = params.depth[0]._replace(b=jnp.array([30.0]))
    carry = cell.initial_carry(params)._replace(c=jnp.array([[2.0], [4.0]]))
    params = params._replace(depth=(gate,))
    new = cell.step(params, carry, cell.project(params, jnp.zeros(1)))
    np.testing.assert_allclose(new.c[:, 0], [1.0, 3.0])
    assert cell.init(jax.random.key(0), 1).depth[0].b == 30.0
