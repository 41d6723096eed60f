"""A product with a weight that bypasses `dot` is found and named."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import LSTM, RNN, Stack, explain
from recurrax.cell import dot
from recurrax.engine.make_run import make_run
from recurrax.engine.missed_dot import missed_dot, products_without_dot


def run_of(cell, size=2):
    return make_run(cell, cell.init(jax.random.key(0), size), jnp.ones((5, 4, size)))


class Plain(RNN):
    def step(self, weights, carry, z, dot=dot):
        return type(carry)(jnp.tanh(z.h + carry.h @ weights.w_h))


class Transposed(RNN):
    """The weight comes first, and is turned before."""

    def step(self, weights, carry, z, dot=dot):
        return type(carry)(jnp.tanh(z.h + jnp.swapaxes(weights.w_h.T @ jnp.swapaxes(carry.h, -1, -2), -1, -2)))


class Half(RNN):
    """One product of two goes through `dot`; what is missed multiplies its result."""

    def step(self, weights, carry, z, dot=dot):
        return type(carry)(jnp.tanh(z.h + jnp.matmul(dot(carry.h, weights.w_h), weights.w_h)))


class Inside(RNN):
    """The state reaches the product through a loop, a turn later."""

    def step(self, weights, carry, z, dot=dot):
        def turn(state, _):
            h, new = state
            return (new, new @ weights.w_h), None

        (h, _), _ = jax.lax.scan(turn, (z.h, carry.h), None, length=3)
        return type(carry)(jnp.tanh(z.h + h))


class OfTheInput(RNN):
    def step(self, weights, carry, z, dot=dot):
        return type(carry)(jnp.tanh(z.h @ weights.w_h + dot(carry.h, weights.w_h)))


class Elementwise(RNN):
    def step(self, weights, carry, z, dot=dot):
        return type(carry)(jnp.tanh(z.h + carry.h * weights.b))


class OfTheState(RNN):
    """Both sides depend on the carry: it is no product with a weight."""

    def step(self, weights, carry, z, dot=dot):
        h = carry.h[..., None]
        return type(carry)(jnp.tanh(z.h + (h @ (h * weights.b[:, None]).mT @ h)[..., 0]))


@pytest.mark.parametrize("cell", [Plain(3), Transposed(3), Half(3), Inside(3)], ids=lambda c: type(c).__name__)
def test_a_product_past_dot_is_found_with_its_weight(cell):
    run = run_of(cell)
    named = [path[0].name for path, _ in jax.tree_util.tree_leaves_with_path(run.weights)]
    assert {named[n] for found in products_without_dot(run) for n in found} == {"w_h"}


@pytest.mark.parametrize(
    "cell", [LSTM(3), OfTheInput(3), Elementwise(3), OfTheState(3)], ids=lambda c: type(c).__name__
)
def test_what_is_no_product_of_the_carry_with_a_weight_is_none(cell):
    assert products_without_dot(run_of(cell)) == []
    assert missed_dot(run_of(cell)) is None


def test_the_sentence_names_the_weight_and_what_to_do():
    assert missed_dot(run_of(Plain(3))) == (
        "step of Plain multiplies weights.w_h, float32[3, 3], by something that depends on the carry without dot: its "
        "gradient is summed up step by step; use dot(operand, weight)"
    )


def test_every_layer_of_a_stack_is_looked_at():
    assert missed_dot(run_of(Stack((LSTM(3), Plain(3))))).startswith("step of Plain multiplies weights.w_h")
    assert missed_dot(run_of(Stack((LSTM(3), LSTM(3))))) is None


def test_explain_says_it():
    cell = Plain(3)
    params, xs = cell.init(jax.random.key(0), 2), jnp.ones((5, 4, 2))
    told = explain(cell, params, xs)
    assert told.missed_dot == missed_dot(run_of(cell))
    assert told.missed_dot in str(told)
    assert explain(LSTM(3), LSTM(3).init(jax.random.key(0), 2), xs).missed_dot is None


def test_gradients_are_summed_up_step_by_step_where_it_is_said():
    """The sentence is true: the gradient of the weight is an array that the backward loop carries."""

    def carried(cell):
        run = run_of(cell)
        from recurrax.engine.fused import Fused
        from recurrax.engine.jaxprs import equations

        gradient = jax.make_jaxpr(jax.grad(lambda w: jnp.sum(Fused()(run.replace(weights=w))[1] ** 2)))(run.weights)
        loops = [e for e in equations(gradient.jaxpr) if e.primitive.name == "scan"]
        shape = run.weights.w_h.shape
        return sum(
            outside.aval.shape == inside.aval.shape == shape
            for loop in loops
            for outside, inside in zip(loop.outvars, loop.params["jaxpr"].jaxpr.outvars, strict=True)
        )

    class Right(RNN):
        pass

    assert carried(Plain(3)) == 1
    assert carried(Right(3)) == 0
    np.testing.assert_equal(missed_dot(run_of(Right(3))), None)
