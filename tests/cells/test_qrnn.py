import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import unroll
from recurrax.cells.qrnn import QRNN
from recurrax.initializers import Chrono
from tests.oracles import sigmoid

VARIANTS = [
    QRNN(hidden_size=4),
    QRNN(hidden_size=4, window=1, pooling="ifo", forget_bias=Chrono(t_max=20.0)),
    QRNN(hidden_size=4, window=3, pooling="f", use_bias=False),
    QRNN(hidden_size=4, window=1, pooling="f"),
]


def oracle_gates(cell, params, carry, x):
    """Bradbury et al. (2017), section 2, with the convolution written as a product with the window's inputs."""
    window, w = x, params.w_x
    if cell.window > 1:
        window, w = np.concatenate([x, carry.past]), np.concatenate([params.w_x, params.w_past])
    names = "n" + {"f": "f", "fo": "fo", "ifo": "ifo"}[cell.pooling]
    b = 0 if params.b is None else params.b
    a = dict(zip(names, np.split(window @ w + b, len(names)), strict=True))
    return {name: np.tanh(value) if name == "n" else sigmoid(value) for name, value in a.items()}


def oracle_step(cell, params, carry, x):
    """c_t = f c_{t-1} + (1 - f or i) n;  h_t = o c_t."""
    gates = oracle_gates(cell, params, carry, x)
    c = gates["f"] * carry.c + gates.get("i", 1 - gates["f"]) * gates["n"]
    h = gates.get("o", 1) * c
    past = None if carry.past is None else np.concatenate([x, carry.past])[: len(carry.past)]
    return type(carry)(c=c, h=None if carry.h is None else h, past=past), h


@pytest.mark.parametrize("pooling", ["f", "fo", "ifo"])
def test_a_window_is_a_cell_of_window_one_on_inputs_laid_side_by_side(x64, pooling):
    wide, narrow = QRNN(hidden_size=4, window=3, pooling=pooling), QRNN(hidden_size=4, window=1, pooling=pooling)
    params = wide.init(jax.random.key(0), 2)
    xs = jax.random.normal(jax.random.key(1), (9, 5, 2))
    shifted = [jnp.concatenate([jnp.zeros((k, 5, 2)), xs[: 9 - k]]) for k in range(3)]
    together = params._replace(w_x=jnp.concatenate([params.w_x, params.w_past]), w_past=None)
    expected = unroll(narrow, together, jnp.concatenate(shifted, axis=-1))[1]
    np.testing.assert_allclose(unroll(wide, params, xs)[1], expected, rtol=1e-12, atol=1e-14)


def test_a_window_of_one_is_linear_and_carries_its_cell_alone():
    cell = QRNN(hidden_size=3, window=1)
    params = cell.init(jax.random.key(0), 2)
    carry = cell.initial_carry(params)
    assert cell.linear and not QRNN(hidden_size=3).linear
    assert params.w_past is None and carry.h is None and carry.past is None


def test_masked_inputs_have_no_place_in_the_window(x64):
    cell = QRNN(hidden_size=4)
    params = cell.init(jax.random.key(0), 2)
    xs = jax.random.normal(jax.random.key(1), (4, 2))
    mask = np.array([True, False, False, True])
    got = unroll(cell, params, xs, mask=mask)[1]
    np.testing.assert_allclose(got[mask], unroll(cell, params, xs[mask])[1], rtol=1e-12)


def test_forget_bias_reaches_the_gates_of_its_name():
    b = QRNN(hidden_size=2, pooling="ifo", forget_bias=2.0).init(jax.random.key(0), 2).b
    np.testing.assert_array_equal(b, [0, 0, 0, 0, 2, 2, 0, 0])
    b = QRNN(hidden_size=2, pooling="ifo", forget_bias=Chrono(t_max=9.0)).init(jax.random.key(0), 2).b
    np.testing.assert_array_equal(b[2:4], -b[4:6])
    assert (b[4:6] > 0).all()
