import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import unroll
from recurrax.cells.janet import JANET
from recurrax.initializers import Chrono, Zeros
from tests.oracles import sigmoid

VARIANTS = [
    JANET(hidden_size=4, forget_bias=Chrono(t_max=20.0)),
    JANET(hidden_size=4, beta=0.0, forget_bias=0.0, use_bias=False),
]


def oracle_gates(cell, params, carry, x):
    """van der Westhuizen & Lasenby (2018)."""
    b = np.zeros(2 * len(carry.h)) if params.b is None else params.b
    s, g = np.split(x @ params.w_x + carry.h @ params.w_h + b, 2)
    return {"f": sigmoid(s), "i": 1 - sigmoid(s - cell.beta), "g": np.tanh(g)}


def oracle_step(cell, params, carry, x):
    """c_t = sigmoid(s) c_{t-1} + (1 - sigmoid(s - beta)) g, and h_t = c_t."""
    gates = oracle_gates(cell, params, carry, x)
    h = gates["f"] * carry.h + gates["i"] * gates["g"]
    return type(carry)(h), h


@pytest.mark.parametrize("forget_bias", [0.0, 3.0])
def test_without_weights_a_state_decays_with_the_forget_gate(x64, forget_bias):
    cell = JANET(hidden_size=2, forget_bias=forget_bias, input_init=Zeros(), recurrent_init=Zeros())
    params = cell.init(jax.random.key(0), 1)
    start = cell.initial_carry(params)._replace(h=jnp.array([1.0, -2.0]))
    carry, _ = unroll(cell, params, jnp.zeros((20, 1)), start)
    np.testing.assert_allclose(carry.h, sigmoid(forget_bias) ** 20 * np.array([1.0, -2.0]), rtol=1e-12)
