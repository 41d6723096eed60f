"""What a step multiplies through `dot`, and when that cannot be deferred."""

import functools

import jax
import jax.numpy as jnp
import pytest

from recurrax import GRU, LSTM, RNN
from recurrax.cell import dot
from recurrax.cells.exp_rnn import ExpRNN
from recurrax.engine.make_run import make_run
from recurrax.engine.products import forward_mode_refusal, given_products, products_of, refusal, step_size
from recurrax.engine.run import project_all
from recurrax.wrappers.recurrent_gradient import RecurrentGradient


def run_of(cell):
    return make_run(cell, cell.init(jax.random.key(0), 2), jnp.ones((5, 4, 2)))


class WithDot(RNN):
    """Hands `dot` what a test makes of the arguments of its step."""

    def step(self, weights, carry, z, dot=dot):
        operand, weight, *op = self.factors(weights, carry, z)
        return type(carry)(jnp.tanh(z.h + dot(operand, weight, *op)))


def with_factors(function):
    """A cell whose step multiplies `function(weights, carry, z)`."""

    class Cell(WithDot):
        def factors(self, weights, carry, z):
            return function(weights, carry, z)

    return Cell(3)


def scanned(w, x):
    """A weight that carries what depends on x through a loop."""
    return jax.lax.scan(lambda s, _: ((s[0] + s[1], s[1]), None), (w, jnp.mean(x) * jnp.ones_like(w)), None, 3)[0][0]


@pytest.mark.parametrize(
    "factors",
    [
        lambda w, c, z: (c.h, w.w_h * jnp.mean(c.h)),
        lambda w, c, z: (c.h, w.w_h + jnp.mean(z.h)),
        lambda w, c, z: (c.h, jax.jit(lambda a, b: a * jnp.mean(b))(w.w_h, c.h)),
        lambda w, c, z: (c.h, scanned(w.w_h, c.h)),
        lambda w, c, z: (c.h, jnp.where(jnp.sum(c.h) > 0, w.w_h, 2 * w.w_h)),
        lambda w, c, z: (c.h, jax.lax.cond(jnp.sum(z.h) > 0, lambda a: a, lambda a: 2 * a, w.w_h)),
    ],
    ids=["carry", "input", "jit", "scan", "where", "cond"],
)
def test_a_weight_that_depends_on_the_step_is_refused(factors):
    assert refusal(run_of(with_factors(factors))) == "step gives dot a weight that depends on the carry or the input"


@pytest.mark.parametrize(
    "factors",
    [
        lambda w, c, z: (c.h, w.w_h),
        lambda w, c, z: (c.h, w.w_h * jnp.ones_like(c.h, shape=(3, 3))),
        lambda w, c, z: (c.h, jax.jit(lambda a, b: (2 * a, b + 1))(w.w_h, c.h)[0]),
        lambda w, c, z: (c.h, jax.nn.relu(w.w_h) + jnp.eye(3)),
        lambda w, c, z: (c.h * z.h, scanned(w.w_h, w.b)),
    ],
    ids=["field", "shape", "jit beside", "function", "scan"],
)
def test_a_weight_of_the_weights_alone_is_taken(factors):
    assert refusal(run_of(with_factors(factors))) is None


def test_an_error_of_the_step_is_no_refusal():
    """A ValueError that the step raises is the author's to see."""

    def broken(weights, carry, z):
        raise ValueError("my own")

    run = run_of(RNN(3)).replace(cell=with_factors(broken))
    with pytest.raises(ValueError, match="my own"):
        refusal(run)


@pytest.mark.parametrize("inside", [jax.jit, jax.checkpoint, functools.partial(jax.vmap, in_axes=(0, None))])
def test_dot_inside_of_a_transformation_is_refused(inside):
    class Nested(RNN):
        def step(self, weights, carry, z, dot=dot):
            return type(carry)(jnp.tanh(z.h + inside(lambda h, w: dot(h, w))(carry.h, weights.w_h)))

    assert "not at its top level" in refusal(run_of(Nested(3)))


def test_an_op_that_holds_more_than_its_arguments_is_refused():
    held = with_factors(lambda w, c, z: (c.h, w.w_h, lambda a, b: (a @ b) * z.h))
    assert "besides its two arguments" in refusal(run_of(held))


def test_only_a_derivative_for_reverse_mode_alone_is_refused_for_forward_mode():
    assert forward_mode_refusal(run_of(LSTM(3))) is None
    assert "jax.custom_vjp" in forward_mode_refusal(run_of(RecurrentGradient(LSTM(3), clip_value=1.0)))

    class Named(RNN):
        """Its jaxpr speaks of what it does not do."""

        def step(self, weights, carry, z, dot=dot):
            def custom_lin(h):
                return jnp.tanh(h)

            return type(carry)(jax.jit(custom_lin)(z.h + dot(carry.h, weights.w_h)))

    assert forward_mode_refusal(run_of(Named(3))) is None


@pytest.mark.parametrize(("cell", "count"), [(RNN(3), 1), (LSTM(3), 1), (GRU(3), 2), (ExpRNN(3), 1)], ids=str)
def test_products_are_those_of_the_step(cell, count):
    run = run_of(cell)
    products = products_of(run, project_all(run))
    assert len(products) == step_size(run).products == count
    assert all(p.operand.shape == (4, 3) for p in products)


def test_a_step_goes_on_from_products_that_are_given():
    run = run_of(RNN(3))
    z = jax.tree.map(lambda a: a[0], project_all(run))
    product = jnp.arange(12.0).reshape(4, 3)
    new, operands = given_products(lambda dot: run.cell.step(run.weights, run.carry, z, dot), [product])
    assert (operands[0] == run.carry.h).all()
    assert (new.h == jnp.tanh(z.h + product)).all()
