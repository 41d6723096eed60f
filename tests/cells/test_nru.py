import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import unroll
from recurrax.cells.nru import NRU
from tests.oracles import ACTIVATIONS

VARIANTS = [
    NRU(hidden_size=4, memory_size=9, num_heads=1),
    NRU(hidden_size=4, memory_size=9, num_heads=3, rectify=True, norm_order=3, activation="softplus", use_bias=False),
]


def heads(cell, params, carry, h, x):
    """Chandar et al. (2019): strength and direction of each head, first of those that write, then that erase."""
    e = params.e_x.T @ x + params.e_h.T @ h + params.e_m.T @ carry.m
    if params.b_e is not None:
        e = e + params.b_e
    side = int(np.sqrt(cell.memory_size))
    for own in np.split(e, 2 * cell.num_heads):
        strength, p, q = own[0], own[1 : 1 + side], own[1 + side :]
        v = np.outer(p, q).ravel()
        if cell.rectify:
            strength, v = max(strength, 0), np.maximum(v, 0)
        norm = np.sum(np.abs(v) ** cell.norm_order) ** (1 / cell.norm_order)
        yield strength, v / norm if norm > 0 else v


def oracle_step(cell, params, carry, x):
    """h_t from x_t, h_{t-1} and m_{t-1}; m_t = m_{t-1} + sum alpha v^w - sum beta v^e, from x_t, h_t and m_{t-1}."""
    a = params.w_x.T @ x + params.w_h.T @ carry.h + params.w_m.T @ carry.m
    if params.b is not None:
        a = a + params.b
    h = ACTIVATIONS[cell.activation](a)
    m = carry.m.copy()
    for n, (strength, v) in enumerate(heads(cell, params, carry, h, x)):
        m = m + (1 if n < cell.num_heads else -1) * strength * v
    return type(carry)(h=h, m=m), h


def test_what_is_written_is_as_long_as_the_strength_of_its_head(x64):
    """One head of each kind; the other's strength is taken to zero by its column of the weights."""
    cell = NRU(hidden_size=3, memory_size=16, num_heads=1)
    params = cell.init(jax.random.key(0), 2)
    silent = [getattr(params, name).at[..., 9].set(0) for name in ("e_x", "e_h", "e_m", "b_e")]
    params = params._replace(e_x=silent[0], e_h=silent[1], e_m=silent[2], b_e=silent[3])
    carry, x = cell.initial_carry(params), jnp.array([0.5, -2.0])
    new = cell.step(params, carry, cell.project(params, x))
    strength = x @ params.e_x[:, 0] + new.h @ params.e_h[:, 0]
    np.testing.assert_allclose(np.sum(np.abs(new.m) ** 5) ** (1 / 5), abs(strength), rtol=1e-12)
    assert np.linalg.matrix_rank(new.m.reshape(4, 4), tol=1e-10) == 1


def test_the_memory_passes_gradients_on_unchanged_where_heads_do_not_look_at_it(x64):
    cell = NRU(hidden_size=3, memory_size=4)
    params = cell.init(jax.random.key(0), 2)
    params = params._replace(e_m=jnp.zeros_like(params.e_m), w_m=jnp.zeros_like(params.w_m))
    xs = jax.random.normal(jax.random.key(1), (50, 2))
    start = cell.initial_carry(params)
    slope = jax.jacobian(lambda m: unroll(cell, params, xs, start._replace(m=m))[0].m)(start.m)
    np.testing.assert_allclose(slope, np.eye(4), atol=1e-14)


def test_a_rectified_memory_is_written_to_upwards_only(x64):
    cell = NRU(hidden_size=3, memory_size=4, num_heads=2, rectify=True)
    params = cell.init(jax.random.key(0), 2)
    erase = slice(10, 20)
    params = params._replace(**{name: getattr(params, name).at[..., erase].set(0) for name in ("e_x", "e_h", "e_m")})
    xs = jax.random.normal(jax.random.key(1), (20, 2))
    memory = cell.initial_carry(params)
    for x in xs:
        new = cell.step(params, memory, cell.project(params, x))
        assert (new.m >= memory.m).all()
        memory = new
    assert memory.m.any()


@pytest.mark.parametrize("scale", [0.0, 1e-12, 1e12])
@pytest.mark.parametrize("rectify", [True, False])
def test_gradients_are_finite_whatever_the_size_of_the_factors(rectify, scale):
    cell = NRU(hidden_size=3, memory_size=4, rectify=rectify)
    params = cell.init(jax.random.key(0), 2)
    params = params._replace(e_x=scale * params.e_x, e_h=scale * params.e_h, e_m=0 * params.e_m, w_m=0 * params.w_m)
    xs = jax.random.normal(jax.random.key(1), (5, 2))
    value, gradient = jax.value_and_grad(lambda p: jnp.mean(unroll(cell, p, xs)[0].m))(params)
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves((value, gradient)))


def test_weights_have_the_documented_layout():
    shapes = [a.shape for a in NRU(hidden_size=4, memory_size=9, num_heads=2).init(jax.random.key(0), 3)]
    assert shapes == [(3, 4), (4, 4), (9, 4), (4,), (3, 28), (4, 28), (9, 28), (28,)]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"hidden_size": 4, "memory_size": 8}, ValueError, "memory_size must be the square of an integer, got 8"),
    ],
)
def test_a_bad_hyper_parameter_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        NRU(**arguments)
