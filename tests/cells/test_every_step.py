"""What the step of every cell and wrapper must keep: gates, retention, traits, products; see `test_every_cell.py`."""

import dataclasses

import jax
import jax.extend
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import LSTM
from recurrax._util.float_leaves import is_float
from recurrax.cell import dot
from recurrax.cells.lstm import LSTMCarry
from recurrax.engine.jaxprs import Static
from recurrax.engine.make_run import make_run
from recurrax.engine.missed_dot import products_without_dot
from tests.cells import cases, test_lstm
from tests.cells.cases import Case, at, close, draw, every_class, every_variant, to_numpy


def one_step(cell, params, x, carry, **kwargs):
    weights = cell.prepare(params, batch_shape=(2,))
    return cell.step(weights, carry, cell.project(weights, x), **kwargs)


def gates_of(case, params, x, carry):
    weights = case.cell.prepare(params, batch_shape=(2,))
    return case.cell.gates(weights, carry, case.cell.project(weights, x))


@every_variant
def test_gates_equal_the_oracle_and_lie_in_their_range(x64, case):
    cell, oracle = case
    params, xs, carry = draw(case, 1, (2,))
    gates = gates_of(case, params, at(xs, 0), carry)
    if gates is None:
        assert not cell.signed_gates
        return
    assert set(cell.signed_gates) <= set(gates._fields)
    for b in range(2):
        expected = oracle.oracle_gates(cell, *to_numpy((params, at(carry, b), at(xs, (0, b)))))
        close({name: gate[b] for name, gate in gates._asdict().items()}, expected, rtol=1e-12, atol=1e-13)
    for name, gate in gates._asdict().items():
        assert (gate > (-1 if name in cell.signed_gates else 0)).all() and (gate < 1).all(), name


@every_class
def test_the_step_uses_its_gates(case, monkeypatch):
    params, xs, carry = draw(case, 1, (2,))
    if gates_of(case, params, at(xs, 0), carry) is None:
        return
    before = one_step(case.cell, params, at(xs, 0), carry)
    owner = type(cases.core(case.cell))
    gates = owner.gates

    def halved(*args, **kwargs):
        return jax.tree.map(lambda gate: gate / 2, gates(*args, **kwargs))

    with monkeypatch.context() as patch:
        patch.setattr(owner, "gates", halved)
        after = one_step(case.cell, params, at(xs, 0), carry)
    assert any((a != b).any() for a, b in zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True))


@every_variant
def test_retention_is_the_share_of_the_memory_that_a_step_keeps(x64, case, monkeypatch):
    hold_retention(case, monkeypatch)


class Held:
    """Keeps what it is given in a first pass, and gives it again in a second one."""

    def __init__(self):
        self.kept, self.again = [], None

    def __call__(self, value):
        if self.again is not None:
            return next(self.again)
        self.kept.append(value)
        return value

    def rewind(self):
        self.again = iter(self.kept)


def hold_retention(case, monkeypatch):
    """Compares with the slope of every unit of the memory by itself, at rest, with gates and products held."""
    cell, memory = case.cell, getattr(case.oracle, "memory", cases.memory)
    params, xs, carry = draw(case, 1, (2,))
    gates = jax.eval_shape(lambda *point: gates_of(case, *point), params, at(xs, 0), carry)
    if gates is None or cell.retention(jax.tree.map(jnp.ones_like, gates)) is None:
        return
    units = memory(carry, carry)[0][0].size
    params, xs, carry = draw(case, 1, (units,))  # example n moves unit n
    products, states, owner = Held(), Held(), type(cases.core(cell))

    def own(a):
        return a.reshape(units, units).diagonal()

    def held_dot(operand, weight, op=jnp.dot):
        return products(dot(operand, weight, op))

    def held_gates(self, weights, carry, z, dot=dot, gates=owner.gates):
        found = gates(self, weights, states(carry), z, dot)
        return found._replace(**{name: jnp.zeros_like(getattr(found, name)) for name in self.signed_gates})

    @jax.jit
    def shares_and_slopes(params, x, carry):
        weights = cell.prepare(params, batch_shape=(units,))
        z, rest = cell.project(weights, x), jax.tree.map(jnp.zeros_like, carry)
        shares = [cell.retention(cell.gates(weights, state, z)) for state in (carry, rest)]
        direction = jax.grad(lambda state: own(memory(state, state)[0]).sum(), allow_int=True)(rest)
        moved = jax.tree.map(lambda a, d: a + 1e-6 * d if is_float(a) else a, rest, direction)
        with monkeypatch.context() as patch:
            patch.setattr(owner, "gates", held_gates)
            after_rest = cell.step(weights, rest, z, held_dot)
            products.rewind(), states.rewind()
            after_moved = cell.step(weights, moved, z, held_dot)
        before, after = memory(rest, after_rest)
        moved_before, moved_after = memory(moved, after_moved)
        return shares, own(moved_after - after) / own(moved_before - before)

    (anywhere, at_rest), slopes = shares_and_slopes(params, at(xs, 0), carry)
    assert (anywhere > 0).all() and (anywhere < 1).all()
    np.testing.assert_allclose(slopes, own(at_rest), rtol=1e-8)


@dataclasses.dataclass(frozen=True)
class Squaring(LSTM):
    """An LSTM with another update, whose author forgot the retention."""

    def step(self, weights, carry, z, dot=dot):
        i, f, g, o = self.gates(weights, carry, z, dot)
        c = f**2 * carry.c + i * g
        return LSTMCarry(h=o * jnp.tanh(c), c=c)


def test_an_inherited_retention_that_is_wrong_is_found(x64, monkeypatch):
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        hold_retention(Case(Squaring(4), test_lstm), monkeypatch)


@every_class
def test_a_cell_that_says_so_is_diagonal_and_linear(x64, case):
    cell = case.cell
    params, xs, carry = draw(case, 1, (2,))
    if not cell.diagonal:
        return

    def step(carry):
        return one_step(cell, params, at(xs, 0), carry)

    _, along_ones = jax.jvp(step, (carry,), (jax.tree.map(jnp.ones_like, carry),))
    leaves, treedef = jax.tree.flatten(carry)
    for n, leaf in enumerate(leaves):
        for unit in range(leaf.shape[-1]):
            direction = [
                jnp.zeros_like(a) if m != n else a.at[..., unit].set(1)
                for m, a in enumerate(map(jnp.zeros_like, leaves))
            ]
            _, change = jax.jvp(step, (carry,), (treedef.unflatten(direction),))
            own = jax.tree.leaves(change)[n][..., unit]
            close(own, jax.tree.leaves(along_ones)[n][..., unit], rtol=1e-12, atol=1e-15)
            others = [a if m != n else a.at[..., unit].set(0) for m, a in enumerate(jax.tree.leaves(change))]
            assert not any(a.any() for a in others), "a unit depends on another one"
    if cell.linear:
        other = jax.tree.map(lambda a: 3 * a + 1, carry)
        _, there = jax.jvp(step, (other,), (jax.tree.map(jnp.ones_like, carry),))
        close(there, along_ones, rtol=1e-12, atol=1e-15)
        straight = jax.tree.map(lambda s, a, c, o: s + a * (o - c), step(carry), along_ones, carry, other)
        close(step(other), straight, rtol=1e-12, atol=1e-12)


@every_class
def test_products_of_the_carry_with_a_weight_go_through_dot(case):
    if case.cell.layers:
        return  # its layers run one by one, each with its own products

    def missed(*arguments):
        return Static(products_without_dot(make_run(case.cell, *arguments)))

    assert jax.eval_shape(missed, *draw(case, 1, (2,))).value == []
