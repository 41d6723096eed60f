import jax
import jax.numpy as jnp
import pytest

from recurrax.engine.product_pieces import Piece, pieces

Z = [jnp.ones((2, 3)), jnp.ones((2, 3))]
WIDE, NARROW = jnp.ones((2, 6)), jnp.ones((2, 3))


def both_added(z, products):
    u, v = jnp.split(products[0], 2, axis=-1)
    return [jnp.tanh(z[0] + u) * jax.nn.sigmoid(v + z[1])]


def one_added(z, products):
    u, v = jnp.split(products[0], 2, axis=-1)
    return [jnp.tanh(z[0] + u) * (z[1] + 2 * v)]


def used_twice(z, products):
    u, v = jnp.split(products[0], 2, axis=-1)
    return [jnp.tanh(z[0] + u) * u, z[1] + v, z[1]]


def split_elsewhere(z, products):
    u, v = jnp.split(products[0], 2, axis=0)
    return [z[0][:1] + u[..., :3], z[1][:1] + v[..., :3]]


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (both_added, [Piece(0, 3, 0), Piece(3, 6, 1)]),
        (one_added, [Piece(0, 3, 0), Piece(3, 6, None)]),
        (used_twice, [Piece(0, 3, None), Piece(3, 6, None)]),
        (split_elsewhere, [Piece(0, 6, None)]),
    ],
)
def test_pieces_of_a_product_that_is_split(step, expected):
    assert pieces(step, Z, [WIDE]) == [expected]


def test_products_that_are_not_split():
    assert pieces(lambda z, products: [z[1] + products[0]], Z, [NARROW]) == [[Piece(0, 3, 1)]]
    assert pieces(lambda z, products: [z[1] - products[0]], Z, [NARROW]) == [[Piece(0, 3, None)]]
    assert pieces(lambda z, products: [products[0] + products[0]], Z, [NARROW]) == [[Piece(0, 3, None)]]
    assert pieces(lambda z, products: [z[0] + z[1], products[0]], Z, [NARROW]) == [[Piece(0, 3, None)]]


def test_several_products():
    def step(z, products):
        return [z[1] + products[0], z[0] * products[1]]

    assert pieces(step, Z, [NARROW, NARROW]) == [[Piece(0, 3, 1)], [Piece(0, 3, None)]]
