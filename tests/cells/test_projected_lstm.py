import jax
import jax.numpy as jnp
import numpy as np

from recurrax import LSTM, unroll
from recurrax.cells.lstm import LSTMParams
from recurrax.cells.projected_lstm import ProjectedLSTM
from tests.oracles import sigmoid

VARIANTS = [
    ProjectedLSTM(hidden_size=4),
    ProjectedLSTM(hidden_size=4, output_size=3, use_bias=False, forget_bias=0.0),
    ProjectedLSTM(hidden_size=2, output_size=5),
]


def oracle_gates(cell, params, carry, x):
    """Sak, Senior & Beaufays (2014), without peepholes."""
    b = 0 if params.b is None else params.b
    i, f, g, o = np.split(x @ params.w_x + carry.h @ params.w_h + b, 4)
    return {"i": sigmoid(i), "f": sigmoid(f), "g": np.tanh(g), "o": sigmoid(o)}


def oracle_step(cell, params, carry, x):
    """c_t = f c + i g;  m = o tanh(c);  r = W_rm m."""
    gates = oracle_gates(cell, params, carry, x)
    c = gates["f"] * carry.c + gates["i"] * gates["g"]
    h = (gates["o"] * np.tanh(c)) @ params.w_r
    return type(carry)(h=h, c=c), h


def test_with_the_identity_as_projection_it_is_the_lstm():
    cell = ProjectedLSTM(hidden_size=4, output_size=4)
    params = cell.init(jax.random.key(0), 3)._replace(w_r=jnp.eye(4))
    xs = jax.random.normal(jax.random.key(1), (9, 2, 3))
    plain = unroll(LSTM(hidden_size=4), LSTMParams(params.w_x, params.w_h, params.b), xs)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), unroll(cell, params, xs)[1], plain[1])


def test_outputs_have_the_projected_size():
    cell = ProjectedLSTM(hidden_size=6)
    params = cell.init(jax.random.key(0), 3)
    carry, ys = unroll(cell, params, jnp.ones((5, 2, 3)))
    assert ys.shape == (5, 2, 3) and carry.c.shape == (2, 6)
    assert ProjectedLSTM(hidden_size=1).init(jax.random.key(0), 3).w_r.shape == (1, 1)
