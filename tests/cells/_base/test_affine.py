"""What a cell gets from its base: it names its NamedTuples and gives a step."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import unroll
from recurrax.cell import dot
from recurrax.cells._base.affine import PlainCell
from recurrax.initializers import Constant, Identity


class Params(NamedTuple):
    w_x: jax.Array
    w_h: jax.Array
    b: jax.Array | None


class Carry(NamedTuple):
    h: jax.Array


class Pair(NamedTuple):
    a: jax.Array
    b: jax.Array


@dataclasses.dataclass(frozen=True)
class TwoBlocks(PlainCell):
    """h' = a + 2 b, with a and b the two blocks of W x + U h + bias."""

    params_type = Params
    carry_type = Carry
    projected_type = Pair

    def step(self, weights, carry, z, dot=dot):
        a, b = jnp.split(dot(carry.h, weights.w_h), 2, axis=-1)
        return Carry(z.a + a + 2 * (z.b + b))


def test_blocks_lie_side_by_side_in_the_order_of_the_projection(x64):
    cell = TwoBlocks(3, recurrent_init=Identity(0.5), bias_init=Constant(0.25))
    params = cell.init(jax.random.key(0), 2)
    assert [a.shape for a in params] == [(2, 6), (3, 6), (6,)]
    xs = jax.random.normal(jax.random.key(1), (4, 2))
    h = np.zeros(3)
    for x in np.asarray(xs):
        whole = x @ params.w_x + h @ params.w_h + params.b
        h = whole[:3] + 2 * whole[3:]
    np.testing.assert_allclose(unroll(cell, params, xs)[0].h, h, rtol=1e-12)


def test_without_a_bias_there_is_none():
    params = TwoBlocks(3, use_bias=False).init(jax.random.key(0), 2)
    assert params.b is None
    assert TwoBlocks(3, use_bias=False).project(params, jnp.zeros(2)).a.shape == (3,)


@pytest.mark.parametrize(
    ("fields", "error"),
    [({"hidden_size": 0}, ValueError), ({"use_bias": 1}, TypeError), ({"recurrent_init": jnp.ones}, TypeError)],
)
def test_hyper_parameters_are_checked_by_their_kinds(fields, error):
    with pytest.raises(error, match=f"^{next(iter(fields))} must be"):
        TwoBlocks(**{"hidden_size": 3, **fields})
