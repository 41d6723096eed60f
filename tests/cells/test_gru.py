import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, unroll
from recurrax.initializers import Chrono, Constant, Gaussian, OrthogonalFused, Zeros
from tests.oracles import sigmoid

VARIANTS = [
    GRU(hidden_size=4),
    GRU(hidden_size=4, reset="after", bias_init=Gaussian(0.5)),
    GRU(hidden_size=4, reset="after", use_bias=False, recurrent_init=OrthogonalFused(gain=2.0)),
]


def blocks(params, name):
    """W, U and b of one gate, from the columns that are documented to be its own."""
    size = len(params.w_h)
    columns = slice("rzn".index(name) * size, ("rzn".index(name) + 1) * size)
    return params.w_x[:, columns].T, params.w_h[:, columns].T, 0 if params.b is None else params.b[columns]


def oracle_gates(cell, params, carry, x):
    """Chung et al. (2014) have the reset gate before the product; cuDNN's variant has it after, with a bias inside."""
    (w_r, u_r, b_r), (w_z, u_z, b_z), (w_n, u_n, b_n) = (blocks(params, name) for name in "rzn")
    h = carry.h
    r = sigmoid(w_r @ x + u_r @ h + b_r)
    z = sigmoid(w_z @ x + u_z @ h + b_z)
    if cell.reset == "before":
        n = np.tanh(w_n @ x + u_n @ (r * h) + b_n)
    else:
        n = np.tanh(w_n @ x + b_n + r * (u_n @ h + (0 if params.b_hn is None else params.b_hn)))
    return {"r": r, "z": z, "n": n}


def oracle_step(cell, params, carry, x):
    """The lecture: h_t = (1 - z) h_{t-1} + z n."""
    gates = oracle_gates(cell, params, carry, x)
    h = (1 - gates["z"]) * carry.h + gates["z"] * gates["n"]
    return type(carry)(h=h), h


def test_initial_state_is_zero():
    cell = GRU(hidden_size=4)
    assert not cell.initial_carry(cell.init(jax.random.key(0), 3), (2,)).h.any()


def test_without_bias_the_equations_of_the_lecture_hold_to_the_letter(x64):
    cell = GRU(hidden_size=3, use_bias=False)
    params = cell.init(jax.random.key(0), 2)
    assert params.b is None and params.b_hn is None
    rng = np.random.default_rng(0)
    h, x = rng.normal(size=3), rng.normal(size=2)
    w_r, w_z, w_n = np.split(np.asarray(params.w_x), 3, axis=1)
    u_r, u_z, u_n = np.split(np.asarray(params.w_h), 3, axis=1)
    r, z = sigmoid(x @ w_r + h @ u_r), sigmoid(x @ w_z + h @ u_z)
    h_new = (1 - z) * h + z * np.tanh(x @ w_n + (r * h) @ u_n)
    carry = cell.step(params, cell.initial_carry(params)._replace(h=h), cell.project(params, jnp.asarray(x)))
    np.testing.assert_allclose(carry.h, h_new, rtol=1e-13)


def test_the_two_forms_differ_with_the_same_weights():
    before, after = GRU(hidden_size=4, use_bias=False), GRU(hidden_size=4, reset="after", use_bias=False)
    params = before.init(jax.random.key(0), 3)
    xs = jax.random.normal(jax.random.key(1), (6, 3))
    assert np.abs(unroll(before, params, xs)[1] - unroll(after, params, xs)[1]).max() > 1e-3


def test_the_two_forms_agree_for_a_diagonal_candidate_matrix_and_no_inner_bias(x64):
    before, after = GRU(hidden_size=4), GRU(hidden_size=4, reset="after")
    params = before.init(jax.random.key(0), 3)
    params = params._replace(w_h=params.w_h.at[:, 8:].set(jnp.diag(jnp.arange(1.0, 5.0))))
    xs = jax.random.normal(jax.random.key(1), (6, 3))
    _, ys = unroll(before, params, xs)
    np.testing.assert_allclose(unroll(after, params._replace(b_hn=jnp.zeros(4)), xs)[1], ys, rtol=1e-12, atol=1e-14)


def test_the_bias_inside_the_reset_exists_in_the_form_that_needs_it_only():
    assert GRU(hidden_size=4).init(jax.random.key(0), 3).b_hn is None
    assert GRU(hidden_size=4, reset="after").init(jax.random.key(0), 3).b_hn.shape == (4,)
    assert GRU(hidden_size=4, reset="after", use_bias=False).init(jax.random.key(0), 3).b_hn is None


def test_forget_bias_is_taken_from_the_bias_of_the_update_gate_alone():
    params = GRU(hidden_size=3, forget_bias=2.0, bias_init=Constant(0.25)).init(jax.random.key(0), 2)
    np.testing.assert_array_equal(params.b.reshape(3, 3)[:, 0], [0.25, -1.75, 0.25])


@pytest.mark.parametrize("reset", ["before", "after"])
def test_forget_bias_sets_what_is_kept_of_the_state(x64, reset):
    cell = GRU(hidden_size=2, reset=reset, forget_bias=1.5, input_init=Zeros(), recurrent_init=Zeros())
    params = cell.init(jax.random.key(0), 1)
    start = cell.initial_carry(params)._replace(h=jnp.array([1.0, -2.0]))
    carry, _ = unroll(cell, params, jnp.zeros((20, 1)), start)
    np.testing.assert_allclose(carry.h, sigmoid(1.5) ** 20 * np.array([1.0, -2.0]), rtol=1e-12)


def test_forget_bias_is_never_added_in_the_step():
    params = GRU(hidden_size=4).init(jax.random.key(0), 3)
    xs = jax.random.normal(jax.random.key(1), (6, 3))
    runs = [unroll(GRU(hidden_size=4, forget_bias=b), params, xs)[1] for b in (0.0, 3.0)]
    np.testing.assert_array_equal(*runs)


def test_chrono_spreads_memory_times(x64):
    cell = GRU(hidden_size=2000, forget_bias=Chrono(t_max=99.0), recurrent_init=Zeros())
    b = cell.init(jax.random.key(0), 1).b.reshape(3, -1)
    assert not b[0].any() and not b[2].any()
    memory_time = np.exp(-b[1])
    assert 1 <= memory_time.min() < 1.5 and 98.5 < memory_time.max() <= 99
    assert abs(memory_time.mean() - 50) < 3 * 98 / np.sqrt(12 * 2000)


def test_retention_is_the_slope_of_the_new_state_in_the_old_one_without_recurrent_weights(x64):
    cell = GRU(hidden_size=4, recurrent_init=Zeros())
    params = cell.init(jax.random.key(0), 3)
    carry = cell.initial_carry(params)._replace(h=jnp.linspace(-1, 1, 4))
    z = cell.project(params, jnp.array([0.3, -1.0, 2.0]))
    slope = jax.jacobian(lambda h: cell.step(params, carry._replace(h=h), z).h)(carry.h)
    np.testing.assert_allclose(slope, np.diag(cell.retention(cell.gates(params, carry, z))), atol=1e-14)


def test_weights_have_the_documented_layout():
    params = GRU(hidden_size=4).init(jax.random.key(0), 3)
    assert (params.w_x.shape, params.w_h.shape, params.b.shape) == ((3, 12), (4, 12), (12,))
