"""What a run of every cell and wrapper must keep: derivatives, streaming, dtypes; see `test_every_cell.py`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import unroll
from recurrax._util.float_leaves import float_leaves, float_merger, is_float
from tests.cells.cases import at, draw, every_class, flags, identical, of_classes, oracle_run


@every_class
def test_derivatives_in_both_modes_are_the_slope_of_the_oracle(x64, case):
    """Along one direction in the space of parameters, inputs and carry; the other end of it is a fourth-order quotient."""
    length, size = 4, 2
    point = draw(case, length, (size,))
    mask, resets = flags(0.8, (length, size), 1), flags(0.3, (length, size), 2)
    merge, floats = float_merger(point), float_leaves(point)
    rng = np.random.default_rng(3)

    def like(a):
        return rng.normal(size=a.shape) + (1j * rng.normal(size=a.shape) if jnp.iscomplexobj(a) else 0)

    direction = [like(a) for a in floats]

    def size_of(final, ys):
        parts = [part for leaf in jax.tree.leaves((final, ys)) if is_float(leaf) for part in (leaf.real, leaf.imag)]
        return sum((np.cos(np.arange(part.size)).reshape(part.shape) * part**2).sum() for part in parts)

    def loss(floats):
        params, xs, carry = merge(floats)
        return size_of(*unroll(case.cell, params, xs, carry, mask=mask, resets=resets))

    def oracle_loss(step):
        params, xs, carry = merge([a + step * d for a, d in zip(floats, direction, strict=True)])
        final, ys = oracle_run(case, params, xs, carry, mask, resets)
        zero = np.zeros_like(next(y for row in ys for y in row if y is not None))
        return size_of(final, np.array([[zero if y is None else y for y in row] for row in ys]))

    @jax.jit
    def derivatives(floats, direction):
        return jax.jvp(loss, (floats,), (direction,)), jax.grad(loss)(floats)

    (value, slope), gradient = derivatives(
        floats, [jnp.asarray(d, a.dtype) for a, d in zip(floats, direction, strict=True)]
    )
    h = 1e-5  # hardly any step of which crosses the kink of a ReLU
    quotient = (8 * (oracle_loss(h) - oracle_loss(-h)) - (oracle_loss(2 * h) - oracle_loss(-2 * h))) / (12 * h)
    np.testing.assert_allclose(value, oracle_loss(0), rtol=1e-12)
    np.testing.assert_allclose(slope, quotient, rtol=1e-6, atol=1e-8)
    reverse = sum(np.real(g * d).sum() for g, d in zip(gradient, direction, strict=True))
    np.testing.assert_allclose(reverse, slope, rtol=1e-11, atol=1e-12)


@of_classes("ClockworkRNN", "QRNN", "LMU", "SLSTM", "Dilated", "Attention", "BatchNorm", "Zoneout", "Stack")
def test_streaming_in_two_chunks_equals_one_pass_bit_for_bit(case):
    length, size, cut = 12, 3, 6
    params, xs, carry = draw(case, length, (size,))
    mask, resets = flags(0.7, (length, size), 1), flags(0.2, (length, size), 2)
    whole = unroll(case.cell, params, xs, carry, mask=mask, resets=resets)

    def part(steps, carry):
        return unroll(case.cell, params, at(xs, steps), carry, mask=mask[steps], resets=resets[steps])

    middle, head = part(slice(None, cut), carry)
    final, tail = part(slice(cut, None), middle)
    identical((final, jnp.concatenate([head, tail])), whole)


@pytest.mark.parametrize(
    "dtype", ["bfloat16", *(pytest.param(d, marks=pytest.mark.slow) for d in ("float16", "float32"))]
)
@every_class
def test_the_dtype_of_the_parameters_is_kept_in_carry_and_outputs(x64, case, dtype):
    cell = case.cell
    params, xs, carry = draw(case, 7, (3,), dtype=dtype)
    mask, resets = flags(0.7, (7, 3), 1), flags(0.2, (7, 3), 2)

    def everything(params, xs, carry):
        start = cell.initial_carry(cell.prepare(params, batch_shape=(3,)), (3,))
        return start, unroll(cell, params, xs, carry, mask=mask, resets=resets)

    for leaf in float_leaves(jax.eval_shape(everything, params, xs, carry)):
        assert leaf.dtype == jnp.dtype("complex64" if jnp.issubdtype(leaf.dtype, jnp.complexfloating) else dtype)


@pytest.mark.parametrize(
    "dtype", ["bfloat16", *(pytest.param(d, marks=pytest.mark.slow) for d in ("float16", "float32"))]
)
@of_classes("SLSTM", "MLSTM", "LRU", "S5", "MinLSTM", "LTC", "UnitaryRNN", "LayerNormLSTM", "BatchNorm", "Attention")
def test_values_are_those_of_float64_within_the_rounding_of_the_dtype(x64, case, dtype):
    cell = case.cell
    params, xs, carry = draw(case, 7, (3,), dtype=dtype)
    mask, resets = flags(0.7, (7, 3), 1), flags(0.2, (7, 3), 2)

    def wide(tree):
        def widen(a):
            if not is_float(a):
                return a
            return jnp.asarray(np.asarray(a, complex if jnp.iscomplexobj(a) else float))

        return jax.tree.map(widen, tree)

    narrow = unroll(cell, params, xs, carry, mask=mask, resets=resets)
    exact = unroll(cell, wide(params), wide(xs), wide(carry), mask=mask, resets=resets)
    eps = float(jnp.finfo(dtype).eps)
    for got, right in zip(jax.tree.leaves(wide(narrow)), jax.tree.leaves(exact), strict=True):
        np.testing.assert_allclose(got, right, rtol=0, atol=30 * eps * np.max(np.abs(right), initial=1))


@every_class
def test_no_step_leaves_the_carry_as_it_was(case):
    params, xs, carry = draw(case, 1, (2,))
    final, ys = unroll(case.cell, params, at(xs, slice(0)), carry)
    identical(final, carry)
    one = jax.eval_shape(lambda xs: unroll(case.cell, params, xs)[1], xs)
    assert ys.shape == (0, *one.shape[1:]) and ys.dtype == one.dtype
