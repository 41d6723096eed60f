import jax
import jax.numpy as jnp
import numpy as np

from recurrax.cells.grid_lstm import GridLSTM
from tests.oracles import sigmoid

VARIANTS = [
    GridLSTM(hidden_size=3),
    GridLSTM(hidden_size=2, num_layers=3, share_weights=True),
    GridLSTM(hidden_size=3, depth_first=True, use_bias=False, forget_bias=0.0),
]


def transform(vectors, m, w, b):
    """Kalchbrenner et al. (2015)."""
    i, f, g, o = np.split(vectors @ w + (0 if b is None else b), 4)
    m = sigmoid(f) * m + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(m), m


def oracle_step(cell, params, carry, x):
    """One block per layer, each with a transform for either dimension."""
    h_d, m_d = np.split(x @ params.w_x + (0 if params.b is None else params.b), 2)
    hs, ms = [], []
    for n in range(cell.num_layers):
        block = params.blocks[0] if cell.share_weights else params.blocks[n]
        h_t, m_t = carry.h[n], carry.m[n]
        new_t = transform(np.concatenate([h_t, h_d]), m_t, block.w_time, block.b_time)
        seen = new_t[0] if cell.depth_first else h_t
        h_d, m_d = transform(np.concatenate([seen, h_d]), m_d, block.w_depth, block.b_depth)
        hs.append(new_t[0])
        ms.append(new_t[1])
    return type(carry)(np.stack(hs), np.stack(ms), h_d), h_d


def test_shared_weights_are_one_block():
    assert len(GridLSTM(3, num_layers=5, share_weights=True).init(jax.random.key(0), 2).blocks) == 1
    assert len(GridLSTM(3, num_layers=5).init(jax.random.key(0), 2).blocks) == 5


def test_memory_passes_many_layers_where_the_gates_are_open():
    """With f = 1 and i = 0, m of depth reaches the top as it came: the output is tanh of it, halved by o."""
    cell = GridLSTM(hidden_size=1, num_layers=30, share_weights=True)
    params = jax.tree.map(jnp.zeros_like, cell.init(jax.random.key(0), 1))
    block = params.blocks[0]._replace(b_depth=jnp.array([-40.0, 40.0, 0.0, 0.0]))
    params = params._replace(w_x=jnp.array([[0.0, 1.0]]), blocks=(block,))
    new = cell.step(params, cell.initial_carry(params), cell.project(params, jnp.array([0.7])))
    np.testing.assert_allclose(new.y, 0.5 * np.tanh(0.7), rtol=1e-6)
