import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import Cell, unroll
from recurrax.cell import dot


class AveragerParams(NamedTuple):
    rate: jax.Array


class AveragerCarry(NamedTuple):
    h: jax.Array


@dataclasses.dataclass(frozen=True)
class Averager(Cell):
    """The smallest cell there can be: it gives the four methods and leaves the rest to the contract."""

    rate: float = 0.5

    def init(self, key, input_size):
        return AveragerParams(jnp.full(input_size, self.rate))

    def initial_carry(self, weights, batch_shape=()):
        return AveragerCarry(jnp.zeros((*batch_shape, *weights.rate.shape)))

    def project(self, weights, x, key=None):
        return weights.rate * x

    def step(self, weights, carry, z, dot=dot):
        return AveragerCarry((1 - weights.rate) * carry.h + z)


def test_four_methods_make_a_cell_that_runs():
    cell = Averager()
    carry, ys = unroll(cell, cell.init(jax.random.key(0), 2), jnp.ones((3, 4, 2)))
    np.testing.assert_array_equal(ys[:, 0, 0], [0.5, 0.75, 0.875])
    np.testing.assert_array_equal(carry.h, ys[-1])


def test_what_a_cell_does_not_give_is_absent():
    cell = Averager()
    params = cell.init(jax.random.key(0), 2)
    carry = cell.initial_carry(params)
    assert cell.prepare(params) is params
    assert cell.output(params, carry, None) is carry.h
    assert cell.gates(params, carry, None) is None and cell.retention(None) is None
    assert cell.input_size(params) is None
    assert cell.layers == () and cell.signed_gates == () and not cell.linear


def test_a_subclass_is_static_to_jax_from_its_definition():
    assert jax.tree.leaves(Averager()) == []
    assert jax.jit(lambda cell: jnp.asarray(cell.rate))(Averager(0.25)) == 0.25


@pytest.mark.parametrize("missing", ["init", "initial_carry", "project", "step"])
def test_a_cell_without_one_of_the_four_methods_cannot_be_made(missing):
    given = {name: value for name, value in vars(Averager).items() if callable(value) and name != missing}
    incomplete = type("Incomplete", (Cell,), {name: given[name] for name in given if not name.startswith("__")})
    with pytest.raises(TypeError, match=missing):
        incomplete()


def test_dot_multiplies_by_the_operation_it_is_given():
    a, w = jnp.arange(6.0).reshape(2, 3), jnp.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(dot(a, w), a @ w)
    np.testing.assert_array_equal(dot(a, w[:, 0], jnp.multiply), a * w[:, 0])
