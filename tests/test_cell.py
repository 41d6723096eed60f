import dataclasses
import functools
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recurrax
from recurrax import Cell, unroll
from recurrax.cell import dot
from recurrax.cells import LRU
from recurrax.wrappers import LayerNorm


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
    assert cell.layers == () and cell.signed_gates == () and cell.input_ndim == 1
    assert cell.draws_parameters and not (cell.linear or cell.diagonal or cell.clips_gradients)


def test_a_trait_is_a_constant_of_the_class_a_property_or_a_field_with_a_default():
    class Linear(Averager):
        linear: ClassVar[bool] = True

    class Depending(Averager):
        @property
        def linear(self):
            return self.rate == 0.5

    @dataclasses.dataclass(frozen=True)
    class Told(Averager):
        input_ndim: int = 2

    assert Linear().linear and Linear().diagonal
    assert Depending().diagonal and not Depending(0.25).diagonal
    assert Told().input_ndim == 2 and Told(input_ndim=0).input_ndim == 0


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
    np.testing.assert_array_equal(dot(a, w.T[:1], jnp.multiply), a * w.T[:1])


@dataclasses.dataclass(frozen=True, eq=False)
class Identical(Averager):
    """Inherits an equality that does not know of `shift`."""

    shift: float = 0.0


@dataclasses.dataclass(frozen=True)
class Partly(Averager):
    shift: float = dataclasses.field(default=0.0, compare=False)


@dataclasses.dataclass(frozen=True)
class PartlyHashed(Averager):
    shift: float = dataclasses.field(default=0.0, hash=False)


class Undecorated(Averager):
    shift: float = 0.0

    def __init__(self, shift):
        super().__init__()
        object.__setattr__(self, "shift", shift)


class Unannotated(Averager):
    def __init__(self, shift):
        super().__init__()
        object.__setattr__(self, "shift", shift)


class NoDataclass(Cell):
    init, initial_carry, project, step = Averager.init, Averager.initial_carry, Averager.project, Averager.step
    rate = 0.5

    def __init__(self, shift):
        self.shift = shift


@dataclasses.dataclass
class Thawed(Cell):
    shift: float = 0.0
    init, initial_carry, project, step = Averager.init, Averager.initial_carry, Averager.project, Averager.step


@pytest.mark.parametrize(
    ("cls", "fault"),
    [
        (Identical, "is defined with eq=False"),
        (Partly, "leaves shift out of the comparison"),
        (PartlyHashed, "leaves shift out of the comparison"),
        (Undecorated, "adds the field shift without being decorated as a dataclass"),
        (Unannotated, "has attributes that are no fields: shift"),
        (NoDataclass, "is no dataclass"),
        (Thawed, "is not frozen"),
    ],
)
def test_a_cell_that_jax_would_take_for_another_is_refused(cls, fault):
    for shift in (1.0, 2.0):
        with pytest.raises(
            TypeError, match=f"^cell must be a frozen dataclass .*, but {cls.__name__} {fault}. JAX would"
        ):
            unroll(cls(shift=shift), AveragerParams(jnp.ones(2)), jnp.ones((3, 2)))


def test_a_subclass_without_fields_and_a_cached_property_are_taken():
    class Renamed(Averager):
        """Differs from its base by its class, which equality knows."""

        scale: ClassVar[float] = 2.0

        @functools.cached_property
        def doubled(self):
            return 2 * self.rate

    cell = Renamed(0.25)
    assert cell.doubled == 0.5 and cell != Averager(0.25)
    _, ys = unroll(cell, cell.init(jax.random.key(0), 2), jnp.ones((3, 2)))
    assert ys[0, 0] == 0.25


@pytest.mark.parametrize("key", [0, None, jnp.ones(3)])
def test_a_key_that_is_none_is_named(key):
    with pytest.raises(TypeError, match="key must be a random key, as jax.random.key"):
        recurrax.LSTM(2).init(key, 3)


@pytest.mark.parametrize("cell", [recurrax.LSTM(2), LRU(2), LayerNorm(recurrax.GRU(2))])
def test_equations_broadcast_whatever_rank_promotion_is_set_to(cell):
    def loss(params, xs, lengths):
        ys = recurrax.unroll(cell, params, xs, mask=recurrax.length_mask(lengths, len(xs)))[1]
        return jnp.sum(ys)

    params = cell.init(jax.random.key(0), 3)
    with jax.numpy_rank_promotion("raise"):
        jax.make_jaxpr(jax.grad(loss))(params, jnp.ones((4, 2, 3)), jnp.array([4, 2]))
