import jax
import jax.numpy as jnp
import numpy as np

from recurrax import unroll
from recurrax.cells.rhn import RHN
from tests.oracles import sigmoid

VARIANTS = [RHN(hidden_size=4), RHN(hidden_size=3, depth=2, coupled=False, transform_bias=0.5), RHN(4, depth=1)]


def layers(cell, params, carry, x):
    """Zilly et al. (2017)."""
    s, gates = carry.h, []
    for n in range(cell.depth):
        a = s @ params.w_h[n] + params.b[n] + (x @ params.w_x if n == 0 else 0)
        h, t, *c = np.split(a, 2 if cell.coupled else 3)
        h, t = np.tanh(h), sigmoid(t)
        c = 1 - t if cell.coupled else sigmoid(c[0])
        s = h * t + s * c
        gates.append((h, t) if cell.coupled else (h, t, c))
    return s, gates


def oracle_gates(cell, params, carry, x):
    _, gates = layers(cell, params, carry, x)
    return {name: np.stack(parts) for name, parts in zip("htc", zip(*gates, strict=True), strict=False)}


def oracle_step(cell, params, carry, x):
    s, _ = layers(cell, params, carry, x)
    return type(carry)(s), s


def test_the_transform_bias_says_what_is_kept_at_first():
    cell = RHN(hidden_size=4, depth=2, transform_bias=-3.0)
    params = jax.tree.map(jnp.zeros_like, cell.init(jax.random.key(0), 3))
    params = params._replace(b=cell.init(jax.random.key(0), 3).b)
    start = cell.initial_carry(params)._replace(h=jnp.ones(4))
    carry, _ = unroll(cell, params, jnp.zeros((1, 3)), start)
    np.testing.assert_allclose(carry.h, sigmoid(3.0) ** 2, rtol=1e-6)
    kept = cell.retention(cell.gates(params, start, cell.project(params, jnp.zeros(3))))
    np.testing.assert_allclose(kept, sigmoid(3.0) ** 2, rtol=1e-6)
