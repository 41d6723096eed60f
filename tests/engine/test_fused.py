"""`fused` against `scan`, which is differentiated by JAX alone."""

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, RNN, Checkpointed, explain, from_step, unroll
from recurrax.cell import dot
from recurrax.engine.fused import Fused
from tests.engine.comparison import RUNS, assert_close, problem


def test_states_of_integers_are_carried_along(x64):
    cell = Counting(3)
    params, xs = cell.init(jax.random.key(0), 2), jax.random.normal(jax.random.key(1), (6, 2, 2))

    def value(params, executor):
        carry, ys = unroll(cell, params, xs, executor=executor)
        return jnp.sum(ys**2), carry.count

    expected, got = (jax.grad(value, has_aux=True)(params, executor) for executor in ("scan", "fused"))
    assert_close(got, expected, "counter")
    np.testing.assert_array_equal(got[1], jnp.full(2, 6))


@pytest.mark.parametrize(("chunk", "kind"), [(3, "plain"), (4, "all"), (4, "reverse"), (9, "all")])
def test_chunks_change_nothing(x64, chunk, kind):
    """Of 9 steps: chunks of which the last is full, is not, and one chunk of all."""
    loss, point, direction = problem(LSTM(2), RUNS[kind], steps=9)

    def both(executor):
        f = functools.partial(loss, executor=executor)
        return jax.jit(lambda: (jax.jvp(f, point, direction), jax.grad(f, (0, 1, 2))(*point)))()

    assert_close(both(Fused(chunk=chunk)), both("scan"), "chunks")


def test_second_derivatives_pass_through_chunks(x64):
    loss, point, direction = problem(GRU(2), RUNS["all"], steps=9)

    def curvature(executor):
        gradient = jax.grad(functools.partial(loss, executor=executor), (0, 1, 2))
        return jax.jit(lambda: jax.jvp(gradient, point, direction)[1])()

    assert_close(curvature(Fused(chunk=4)), curvature("scan"), "curvature")


def test_chunks_are_of_one_step_at_least():
    with pytest.raises(ValueError, match="chunk"):
        Fused(chunk=0)


def test_a_product_of_another_kind_is_deferred_as_well(x64):
    """A block-diagonal recurrent weight, multiplied by einsum."""
    cell = Blocks(6)
    loss, point, _ = problem(cell, {})
    expected, got = (jax.grad(functools.partial(loss, executor=b), (0, 1, 2))(*point) for b in ("scan", "fused"))
    assert_close(got, expected, "blocks")


def test_a_product_of_which_a_part_alone_is_added_to_the_input_gets_its_tangents_where_they_belong(x64):
    """A GRU that resets after the product multiplies its last third, and adds the others."""
    loss, point, direction = problem(GRU(3, reset="after"), {})
    expected, got = (jax.jvp(functools.partial(loss, executor=b), point, direction) for b in ("scan", "fused"))
    assert_close(got, expected, "gru")


@pytest.mark.parametrize("cell_kind", ["carry", "input"])
def test_a_weight_that_depends_on_the_run_is_refused_and_auto_takes_scan(cell_kind):
    cell = FastWeights(3, depends_on=cell_kind)
    params, xs = cell.init(jax.random.key(0), 2), jnp.ones((5, 4, 2))
    with pytest.raises(ValueError, match="depends on the carry or the input; use executor='scan'"):
        unroll(cell, params, xs, executor="fused")
    explanation = explain(cell, params, xs)
    assert explanation.executor == "scan" and "depends on the carry" in explanation.refused["fused"]
    unroll(cell, params, xs)


@pytest.mark.parametrize("inside", ["jit", "checkpoint", "vmap"])
def test_a_product_inside_another_transformation_is_refused_and_auto_takes_scan(inside):
    cell = Nested(3, inside=inside)
    params, xs = cell.init(jax.random.key(0), 2), jnp.ones((5, 4, 2))
    with pytest.raises(ValueError, match="not at its top level"):
        unroll(cell, params, xs, executor="fused")
    assert explain(cell, params, xs).executor == "scan"
    unroll(cell, params, xs)


def test_matrices_are_not_kept_for_every_step():
    """Weights that multiply, and weights that are used without `dot`, would cost T times their size."""
    steps, width = 64, 64
    for cell in (LSTM(width), Undeferred(width)):
        params, xs = cell.init(jax.random.key(0), 2), jnp.ones((steps, 1, 2))

        def memory(executor, cell=cell, params=params, xs=xs):
            gradient = jax.grad(lambda p: jnp.sum(unroll(cell, p, xs, executor=executor)[1] ** 2))
            return jax.jit(gradient).lower(params).compile().memory_analysis().temp_size_in_bytes

        assert memory("fused") < steps * 4 * params.w_h.size / 4, type(cell)
        assert memory("fused") < 4 * memory("scan") + 1e5


def test_gradients_in_bfloat16_are_summed_up_in_float32():
    """A bias that is used in every step: its gradient is a sum of 1,024 equal terms, which bfloat16 ends at 256."""
    cell = StepBias(4)
    params = jax.tree.map(lambda a: a.astype(jnp.bfloat16), cell.init(jax.random.key(0), 2))
    xs = jnp.zeros((1024, 1, 2), jnp.bfloat16)

    def value(params, executor):
        return jnp.sum(unroll(cell, params, xs, executor=executor)[1].astype(jnp.float32))

    assert float(jax.grad(value)(params, "fused").b[0]) == 1024
    chunked = jax.grad(lambda p: jnp.sum(unroll(cell, p, xs, executor=Checkpointed(every=4))[1].astype(jnp.float32)))(
        params
    )
    assert float(chunked.b[0]) == 1024


def test_weight_gradients_in_bfloat16_are_those_of_float32():
    cell = LSTM(16)
    params, xs = cell.init(jax.random.key(0), 8), jax.random.normal(jax.random.key(1), (1024, 4, 8))

    def value(params, xs):
        return jnp.sum(unroll(cell, params, xs, executor="fused")[1].astype(jnp.float32) ** 2)

    exact = jax.grad(value)(params, xs)
    rough = jax.grad(value)(*jax.tree.map(lambda a: a.astype(jnp.bfloat16), (params, xs)))
    for a, b in zip(exact, rough, strict=True):
        assert jnp.linalg.norm(a - b.astype(jnp.float32)) < 0.02 * jnp.linalg.norm(a)


def test_any_step_function_runs_fused_if_told_to_and_by_scan_by_itself(x64):
    class Weight(NamedTuple):
        w: jax.Array

    def step(params, h, x):
        h = jnp.tanh(h @ params.w + x)
        return h, h

    cell = from_step(step, lambda params, batch: jnp.zeros((*batch, 3)), output=lambda params, h: h)
    params, xs = Weight(jnp.eye(3) * 0.5), jax.random.normal(jax.random.key(1), (6, 2, 3))

    def gradient(executor):
        return jax.grad(lambda p: jnp.sum(unroll(cell, p, xs, executor=executor)[1] ** 2))(params)

    assert_close(gradient("fused"), gradient("scan"), "from_step")
    assert explain(cell, params, xs).executor == "scan"


def gradients_agree(cell, batch=(2,)):
    """Compares the gradient of parameters by `fused` and by `scan`."""
    params, xs = cell.init(jax.random.key(0), 3), jax.random.normal(jax.random.key(1), (6, *batch, 3))

    def gradient(executor):
        return jax.grad(lambda p: jnp.sum(unroll(cell, p, xs, executor=executor)[1] ** 2))(params)

    assert_close(gradient("fused"), gradient("scan"), cell)


def test_what_is_multiplied_is_used_beside_what_is_added(x64):
    """A bare projected input, or a product, that is the operand of another product is no mere summand."""

    class InputTwice(RNN):
        def step(self, weights, carry, z, dot=dot):
            return type(carry)(jax.nn.sigmoid(dot(z.h, weights.w_h.T)) * jnp.tanh(z.h + dot(carry.h, weights.w_h)))

    class ProductTwice(RNN):
        def step(self, weights, carry, z, dot=dot):
            u = dot(carry.h, weights.w_h)
            return type(carry)(jnp.tanh(z.h + u) * (1 + dot(u, weights.w_h.T)))

    gradients_agree(InputTwice(4))
    gradients_agree(ProductTwice(4))


@pytest.mark.parametrize("held", ["carry", "input", "weights"])
def test_an_op_that_holds_more_than_its_arguments_is_refused_and_auto_takes_scan(held):
    class Holding(RNN):
        def step(self, weights, carry, z, dot=dot):
            extra = {"carry": carry.h, "input": z.h, "weights": weights.b}[held]
            return type(carry)(jnp.tanh(z.h + dot(carry.h, weights.w_h, lambda a, b: (a @ b) * extra)))

    cell = Holding(3)
    params, xs = cell.init(jax.random.key(0), 2), jnp.ones((5, 4, 2))
    with pytest.raises(ValueError, match="besides its two arguments; use executor='scan'"):
        unroll(cell, params, xs, executor="fused")
    assert explain(cell, params, xs).executor == "scan"
    jax.grad(lambda p: unroll(cell, p, xs)[1].sum())(params)


def test_an_op_may_be_given_by_keyword(x64):
    class Keyword(RNN):
        def step(self, weights, carry, z, dot=dot):
            return type(carry)(jnp.tanh(z.h + dot(carry.h, weights.w_h, op=jnp.matmul)))

    gradients_agree(Keyword(4))


def test_complex_functions_and_products_are_differentiated(x64):
    class Complex(RNN):
        def initial_carry(self, weights, batch_shape=()):
            return jax.tree.map(lambda a: a.astype(complex), super().initial_carry(weights, batch_shape))

        def step(self, weights, carry, z, dot=dot):
            turned = weights.w_h.astype(complex) * (0.3 + 0.2j)
            h = jnp.tanh(z.h.astype(complex) + dot(carry.h, turned))
            return type(carry)(h / (2 + jnp.sum(h, axis=-1, keepdims=True)) + 0.3 * jnp.exp(0.5 * h))

        def output(self, weights, carry, z):
            return carry.h.real

    gradients_agree(Complex(4))


def test_a_product_may_be_a_number(x64):
    class Scalar(RNN):
        def step(self, weights, carry, z, dot=dot):
            return type(carry)(jnp.tanh(z.h + dot(carry.h, weights.w_h[0])))

    gradients_agree(Scalar(3), batch=())


def test_gradients_may_be_stepped_through_without_jit(x64):
    loss, point, _ = problem(LSTM(2), {}, steps=3)
    expected = jax.grad(functools.partial(loss, executor="fused"))(*point)
    with jax.disable_jit():
        assert_close(jax.grad(functools.partial(loss, executor="fused"))(*point), expected, "disable_jit")


class CountingCarry(NamedTuple):
    h: jax.Array
    count: jax.Array


class Counting(RNN):
    """A network that counts its steps."""

    def initial_carry(self, weights, batch_shape=()):
        return CountingCarry(super().initial_carry(weights, batch_shape).h, jnp.zeros(batch_shape, jnp.int32))

    def step(self, weights, carry, z, dot=dot):
        return CountingCarry(super().step(weights, carry, z, dot).h, carry.count + 1)


class Blocks(RNN):
    """Two blocks of units that do not see each other."""

    def step(self, weights, carry, z, dot=dot):
        half = self.hidden_size // 2
        blocks = jnp.stack([weights.w_h[:half, :half], weights.w_h[half:, half:]])
        h = dot(
            carry.h.reshape(*carry.h.shape[:-1], 2, half), blocks, lambda a, w: jnp.einsum("...bi,bij->...bj", a, w)
        )
        return type(carry)(jnp.tanh(z.h + h.reshape(carry.h.shape)))


class Undeferred(RNN):
    """Multiplies without `dot`."""

    def step(self, weights, carry, z, dot=dot):
        return type(carry)(jnp.tanh(z.h + carry.h @ weights.w_h))


class StepBias(RNN):
    """Adds its bias within the step, and forgets at once."""

    def project(self, weights, x, key=None):
        return super().project(weights._replace(b=jnp.zeros_like(weights.b)), x, key)

    def step(self, weights, carry, z, dot=dot):
        return type(carry)(z.h + weights.b + 0 * carry.h)


@dataclasses.dataclass(frozen=True)
class FastWeights(RNN):
    """A recurrent weight that is scaled by the state or the input: no product of the contract."""

    depends_on: str = "carry"

    def step(self, weights, carry, z, dot=dot):
        scale = jnp.mean(carry.h if self.depends_on == "carry" else z.h)
        return type(carry)(jnp.tanh(z.h + dot(carry.h, scale * weights.w_h)))


@dataclasses.dataclass(frozen=True)
class Nested(RNN):
    """Calls `dot` inside another transformation."""

    inside: str = "jit"

    def step(self, weights, carry, z, dot=dot):
        inner = {"jit": jax.jit, "checkpoint": jax.checkpoint, "vmap": functools.partial(jax.vmap, in_axes=(0, None))}
        return type(carry)(jnp.tanh(z.h + inner[self.inside](lambda h, w: dot(h, w))(carry.h, weights.w_h)))


def test_the_gradient_of_a_bias_is_summed_up_in_float32(x64):
    cell = LSTM(8)
    params = jax.tree.map(lambda a: a.astype(jnp.bfloat16), cell.init(jax.random.key(0), 4))
    xs = jax.random.normal(jax.random.key(1), (512, 4, 4)).astype(jnp.bfloat16)

    def bias(executor, params, xs):
        return jax.grad(lambda p: jnp.mean(unroll(cell, p, xs, executor=executor)[1].astype(jnp.float32)))(params).b

    exact = bias("scan", *jax.tree.map(lambda a: a.astype(jnp.float64), (params, xs)))
    error = np.linalg.norm(np.asarray(bias("fused", params, xs), np.float64) - exact) / np.linalg.norm(exact)
    assert error < 0.015
