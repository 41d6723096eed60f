import jax
import numpy as np

from recurrax import GRU, unroll
from recurrax.cells.conv_gru import ConvGRU
from recurrax.cells.gru import GRUParams
from tests.cells.convolutions import correlate, inputs, smallest
from tests.oracles import sigmoid

__all__ = ["inputs", "smallest"]

VARIANTS = [
    ConvGRU(hidden_size=2, spatial_shape=(3, 2)),
    ConvGRU(hidden_size=2, spatial_shape=(4,), kernel_size=2, use_bias=False),
    ConvGRU(hidden_size=1, spatial_shape=(2, 1, 3)),
]


def oracle_gates(cell, params, carry, x):
    """Ballas et al. (2016)."""
    h = cell.hidden_size
    a_r, a_z, a_n = np.split(correlate(x, params.w_x) + (0 if params.b is None else params.b), 3, axis=-1)
    u_r, u_z, u_n = (params.w_h[..., n * h : (n + 1) * h] for n in range(3))
    r, z = sigmoid(a_r + correlate(carry.h, u_r)), sigmoid(a_z + correlate(carry.h, u_z))
    return {"r": r, "z": z, "n": np.tanh(a_n + correlate(r * carry.h, u_n))}


def oracle_step(cell, params, carry, x):
    """h_t = (1 - z) h_{t-1} + z n."""
    gates = oracle_gates(cell, params, carry, x)
    h = (1 - gates["z"]) * carry.h + gates["z"] * gates["n"]
    return type(carry)(h), h


def test_at_a_single_place_it_is_the_gru():
    cell = ConvGRU(hidden_size=4, spatial_shape=(1,), kernel_size=1)
    params = cell.init(jax.random.key(0), 3)
    xs = jax.random.normal(jax.random.key(1), (9, 2, 3))
    plain = unroll(GRU(4), GRUParams(params.w_x[0], params.w_h[0], params.b, None), xs)[1]
    np.testing.assert_allclose(unroll(cell, params, xs[:, :, None])[1][:, :, 0], plain, atol=1e-6)
