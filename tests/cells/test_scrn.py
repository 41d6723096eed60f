import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import unroll
from recurrax.cells.scrn import SCRN
from tests.oracles import sigmoid

VARIANTS = [
    SCRN(hidden_size=4),
    SCRN(hidden_size=3, context_size=2, alpha=0.7, adaptive=True),
]


def oracle_step(cell, params, carry, x):
    """Mikolov et al. (2015); where adaptive, with an alpha of each unit's own."""
    b, a = params.w_x[:, : len(carry.s)], params.w_x[:, len(carry.s) :]
    alpha = np.full(len(carry.s), cell.alpha) if params.beta is None else sigmoid(params.beta)
    s = (1 - alpha) * (x @ b) + alpha * carry.s
    h = sigmoid(s @ params.w_s + x @ a + carry.h @ params.w_h)
    return type(carry)(h=h, s=s), np.concatenate([h, s])


def test_the_context_is_a_mean_of_inputs_that_fades_by_alpha(x64):
    cell = SCRN(hidden_size=2, context_size=3, alpha=0.9)
    params = cell.init(jax.random.key(0), 2)
    xs = jax.random.normal(jax.random.key(1), (40, 2))
    weights = 0.1 * 0.9 ** np.arange(39, -1, -1)
    np.testing.assert_allclose(unroll(cell, params, xs)[0].s, weights @ (xs @ params.w_x[:, :3]), rtol=1e-12)


def test_every_unit_learns_its_own_alpha_from_the_given_one(x64):
    fixed, adaptive = SCRN(hidden_size=4), SCRN(hidden_size=4, adaptive=True)
    params = adaptive.init(jax.random.key(0), 3)
    np.testing.assert_allclose(sigmoid(params.beta), 0.95, rtol=1e-12)
    xs = jax.random.normal(jax.random.key(1), (9, 2, 3))
    same = unroll(fixed, params._replace(beta=None), xs)[1]
    np.testing.assert_allclose(unroll(adaptive, params, xs)[1], same, rtol=1e-12)
    slope = jax.grad(lambda beta: unroll(adaptive, params._replace(beta=beta), xs)[1].sum())(params.beta)
    assert (slope != 0).all()


def test_hidden_units_lie_side_by_side_with_context_units():
    cell = SCRN(hidden_size=4, context_size=2)
    params = cell.init(jax.random.key(0), 3)
    carry, ys = unroll(cell, params, jnp.ones((5, 3)))
    assert ys.shape == (5, 6)
    np.testing.assert_array_equal(ys[-1], np.concatenate([carry.h, carry.s]))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"alpha": 0}, ValueError, "alpha must be above 0, got 0"),
        ({"alpha": 1.0}, ValueError, "alpha must be below 1, got 1.0"),
    ],
)
def test_a_bad_hyper_parameter_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        SCRN(**{"hidden_size": 4, **arguments})
