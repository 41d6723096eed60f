import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import unroll
from recurrax.cells.lem import LEM
from recurrax.initializers import Zeros
from tests.oracles import sigmoid

VARIANTS = [LEM(hidden_size=4), LEM(hidden_size=4, time_step=0.5, use_bias=False)]


def oracle_gates(cell, params, carry, x):
    """Rusch et al. (2022)."""
    v = x @ params.w_x + (0 if params.b is None else params.b)
    (v_1, v_2, v_z, v_y), (w_1, w_2, w_z, w_y) = np.split(v, 4), np.split(params.w_h, 4, axis=1)
    dz, dy = sigmoid(carry.y @ w_1 + v_1), sigmoid(carry.y @ w_2 + v_2)
    candidate = np.tanh(carry.y @ w_z + v_z)
    z = (1 - cell.time_step * dz) * carry.z + cell.time_step * dz * candidate
    return {"dz": dz, "dy": dy, "z": candidate, "y": np.tanh(z @ w_y + v_y)}


def oracle_step(cell, params, carry, x):
    g, dt = oracle_gates(cell, params, carry, x), cell.time_step
    z = (1 - dt * g["dz"]) * carry.z + dt * g["dz"] * g["z"]
    y = (1 - dt * g["dy"]) * carry.y + dt * g["dy"] * g["y"]
    return type(carry)(y=y, z=z), y


def test_states_stay_between_minus_one_and_one():
    cell = LEM(hidden_size=8)
    params = jax.tree.map(lambda a: 5 * a, cell.init(jax.random.key(0), 3))
    carry, ys = unroll(cell, params, 10 * jax.random.normal(jax.random.key(1), (300, 3)))
    assert jnp.abs(ys).max() <= 1 and jnp.abs(carry.z).max() <= 1


def test_the_forget_bias_slows_both_states():
    b = LEM(hidden_size=2, forget_bias=3.0, bias_init=Zeros()).init(jax.random.key(0), 1).b
    np.testing.assert_array_equal(b, [-3, -3, -3, -3, 0, 0, 0, 0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"time_step": 0.0}, "time_step must be .*, got 0.0"),
        ({"time_step": 1.5}, "time_step must be at most 1, got 1.5"),
    ],
)
def test_a_bad_hyper_parameter_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        LEM(hidden_size=4, **arguments)
