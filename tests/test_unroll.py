from typing import NamedTuple

import hypothesis
import hypothesis.extra.numpy
import hypothesis.strategies as st
import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import LSTM, RNN, from_step, length_mask, unroll

T, B, D, H = 6, 2, 3, 4
CELL = LSTM(hidden_size=H)


class Run(NamedTuple):
    params: object
    xs: jax.Array
    carry: object
    mask: np.ndarray
    resets: np.ndarray


def draw(batch=(B,), seed=0, cell=CELL, length=T):
    """Returns random arguments of a run, in JAX's default float dtype."""
    rng = np.random.default_rng(seed)
    params = cell.init(jax.random.key(0), D)

    def normal(shape):
        return jnp.asarray(rng.normal(size=shape), params.w_x.dtype)

    carry = jax.tree.map(lambda a: normal(a.shape), cell.initial_carry(params, batch))
    steps = (length, *batch)
    return Run(params, normal((*steps, D)), carry, rng.random(steps) < 0.6, rng.random(steps) < 0.3)


def identical(got, expected):
    assert jax.tree.structure(got) == jax.tree.structure(expected)
    jax.tree.map(np.testing.assert_array_equal, got, expected)


def close(got, expected):
    assert jax.tree.structure(got) == jax.tree.structure(expected)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14), got, expected)


def at(tree, index):
    return jax.tree.map(lambda a: a[index], tree)


# ---- properties -----------------------------------------------------------------------------------------------------


def property_test(**strategies):
    """A hypothesis test in float64; sizes come from short lists, so that `jit` compiles few programs."""

    def decorate(test):
        return hypothesis.given(**strategies)(jax.enable_x64(True)(test))

    return decorate


seeds = st.integers(0, 2**32 - 1)
batches = st.sampled_from([(), (2,), (2, 2)])


def steps_of(batch=(B,)):
    return hypothesis.extra.numpy.arrays(bool, (T, *batch))


@property_test(seed=seeds, batch=batches, data=st.data())
def test_right_padding_is_the_same_as_truncating_each_sequence(seed, batch, data):
    run = draw(batch, seed)
    lengths = data.draw(hypothesis.extra.numpy.arrays(int, batch, elements=st.integers(0, T)))
    carry, ys = unroll(CELL, run.params, run.xs, run.carry, mask=length_mask(lengths, T))
    for b in np.ndindex(*batch):
        n, xs = int(lengths[b]), run.xs[(slice(None), *b)]
        expected_carry, expected = unroll(CELL, run.params, xs[:n], at(run.carry, b))
        close((at(carry, b), ys[(slice(None, n), *b)]), (expected_carry, expected))
        assert not ys[(slice(n, None), *b)].any()


@property_test(seed=seeds, mask=steps_of(), resets=steps_of(), reverse=st.booleans())
def test_a_masked_step_is_the_same_as_a_step_deleted(seed, mask, resets, reverse):
    run = draw(seed=seed)
    carry, ys = unroll(CELL, run.params, run.xs, run.carry, mask=mask, resets=resets, reverse=reverse)
    for b in range(B):
        kept = np.flatnonzero(mask[:, b])
        expected = unroll(CELL, run.params, run.xs[kept, b], at(run.carry, b), resets=resets[kept, b], reverse=reverse)
        close((at(carry, b), ys[kept, b]), expected)
        assert not ys[~mask[:, b], b].any()


@property_test(seed=seeds, cut=st.integers(0, T - 1))
def test_a_reset_splits_a_sequence_into_two_independent_runs(seed, cut):
    run = draw(seed=seed)
    resets = np.arange(T)[:, None] == np.full(B, cut)
    carry, ys = unroll(CELL, run.params, run.xs, run.carry, resets=resets)
    _, head = unroll(CELL, run.params, run.xs[:cut], run.carry)
    final, tail = unroll(CELL, run.params, run.xs[cut:])
    close((carry, ys), (final, jnp.concatenate([head, tail])))


@property_test(seed=seeds, mask=steps_of(), resets=steps_of())
def test_reverse_is_the_flip_of_the_run_over_the_flipped_sequence(seed, mask, resets):
    run = draw(seed=seed)
    backwards = unroll(CELL, run.params, run.xs, run.carry, mask=mask, resets=resets, reverse=True)
    carry, ys = unroll(CELL, run.params, run.xs[::-1], run.carry, mask=mask[::-1], resets=resets[::-1])
    close(backwards, (carry, ys[::-1]))


@property_test(seed=seeds, order=st.permutations(range(4)), mask=steps_of((4,)), resets=steps_of((4,)))
def test_permuting_the_batch_permutes_the_result(seed, order, mask, resets):
    run, order = draw((4,), seed), np.array(order)
    carry, ys = unroll(CELL, run.params, run.xs, run.carry, mask=mask, resets=resets)
    permuted = unroll(
        CELL, run.params, run.xs[:, order], at(run.carry, order), mask=mask[:, order], resets=resets[:, order]
    )
    close(permuted, (at(carry, order), ys[:, order]))


@property_test(seed=seeds, cut=st.integers(0, T), mask=steps_of(), resets=steps_of())
def test_outputs_do_not_depend_on_what_comes_later(seed, cut, mask, resets):
    run = draw(seed=seed)
    _, ys = unroll(CELL, run.params, run.xs, run.carry, mask=mask, resets=resets)
    mask[cut:], resets[cut:] = ~mask[cut:], ~resets[cut:]
    _, other = unroll(CELL, run.params, run.xs.at[cut:].mul(-3.0), run.carry, mask=mask, resets=resets)
    identical(other[:cut], ys[:cut])


@property_test(seed=seeds, mask=steps_of(), resets=steps_of(), junk=st.sampled_from([np.nan, np.inf, -np.inf, 1e300]))
def test_junk_under_the_mask_touches_neither_values_nor_gradients(seed, mask, resets, junk):
    run = draw(seed=seed)

    def loss(params, xs, carry):
        result = unroll(CELL, params, xs, carry, mask=mask, resets=resets)
        values, _ = jax.flatten_util.ravel_pytree(result)
        return jnp.cos(jnp.arange(values.size, dtype=float)) @ values, result

    def everything(xs):
        return jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True)(run.params, xs, run.carry)

    clean = everything(jnp.where(mask[..., None], run.xs, 0.0))
    identical(everything(jnp.where(mask[..., None], run.xs, junk)), clean)
    assert not clean[1][1][~mask].any()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(clean))


# ---- masks ----------------------------------------------------------------------------------------------------------


class Quotient(NamedTuple):
    rate: jax.Array
    weight: jax.Array


def ones_to_start(params, batch):
    return jnp.ones((*batch, 1))


def the_state(params, h):
    return h


def with_quotient(params, h, x):
    """Defined for 0 < x < 2 alone: at 0, 1 / x and the logarithm give inf, and their derivatives too."""
    h = params.rate * h / x + params.weight * jnp.log(x) + jnp.log(2 - x)
    return h, h


QUOTIENT = from_step(with_quotient, ones_to_start, output=the_state)


@pytest.mark.parametrize("junk", [0.0, np.nan, np.inf])
@pytest.mark.parametrize("executor", ["scan", "fused"])
def test_a_masked_step_sends_no_gradient_back_wherever_the_cell_is_defined(x64, executor, junk):
    params = Quotient(jnp.array(0.5), jnp.array(0.3))
    xs = np.random.default_rng(0).uniform(0.5, 1.5, (T, 2, 2, 1))
    carry = jnp.ones((2, 2, 1))
    mask = np.ones((T, 2, 2), bool)
    mask[2:, 0, 1], mask[:2, 1, 0], mask[:, 1, 1] = False, False, False

    def total(params, xs, carry, mask):
        final, ys = unroll(QUOTIENT, params, xs, carry, mask=mask, executor=executor)
        return ys.sum() + final.sum()

    gradient = jax.grad(total, argnums=(0, 1, 2))
    got = gradient(params, jnp.asarray(np.where(mask[..., None], xs, junk)), carry, mask)
    expected = [gradient(params, jnp.asarray(xs[mask[:, *b], *b]), carry[b], None) for b in np.ndindex(2, 2)]
    close(got[0], jax.tree.map(lambda *parts: sum(parts), *(part for part, _, _ in expected)))
    close(got[2].reshape(4, 1), jnp.stack([part for _, _, part in expected]))
    for b, (_, part, _) in zip(np.ndindex(2, 2), expected, strict=True):
        close(got[1][mask[:, *b], *b], part)
    assert not got[1][~mask].any()


def test_a_run_that_is_masked_throughout_holds_the_carry_and_gives_zeros():
    run = draw()
    carry, ys = unroll(CELL, run.params, run.xs, run.carry, mask=np.zeros((T, B), bool), resets=np.ones((T, B), bool))
    identical(carry, run.carry)
    assert not ys.any()


def test_a_full_mask_and_no_reset_change_nothing():
    run = draw()
    plain = unroll(CELL, run.params, run.xs, run.carry)
    masked = unroll(CELL, run.params, run.xs, run.carry, mask=np.ones((T, B), bool), resets=np.zeros((T, B), bool))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7), masked, plain)


def test_a_reset_under_the_mask_is_void():
    run = draw()
    mask, resets = np.ones((T, B), bool), np.zeros((T, B), bool)
    mask[2, 0], resets[2] = False, True
    carry, _ = unroll(CELL, run.params, run.xs, run.carry, mask=mask, resets=resets)
    # Zeros in place of None: one compiled program for both, so that the same bits can be asked for.
    without, _ = unroll(CELL, run.params, run.xs, run.carry, mask=mask, resets=np.zeros_like(resets))
    identical(at(carry, 0), at(without, 0))
    assert (carry.h[1] != without.h[1]).any()


def test_a_sequence_of_length_zero_returns_the_carry_that_it_was_given():
    run = draw()
    carry, ys = unroll(CELL, run.params, run.xs, run.carry, mask=length_mask(np.array([0, T]), T))
    identical(at(carry, 0), at(run.carry, 0))
    assert not ys[:, 0].any() and ys[:, 1].all()


def test_the_gradient_passes_a_masked_stretch_undiminished(x64):
    run = draw()
    mask = np.ones((T, B), bool)
    mask[3:] = False

    def final(carry, length):
        return unroll(CELL, run.params, run.xs[:length], carry, mask=mask[:length])[0].c.sum()

    close(jax.grad(final)(run.carry, T), jax.grad(final)(run.carry, 3))


def test_seeds_run_side_by_side_under_vmap(x64):
    run = draw()
    params = jax.vmap(lambda key: CELL.init(key, D))(jax.random.split(jax.random.key(0), 3))
    together = jax.vmap(lambda p: unroll(CELL, p, run.xs, run.carry, mask=run.mask, resets=run.resets))(params)
    for seed in range(3):
        close(at(together, seed), unroll(CELL, at(params, seed), run.xs, run.carry, mask=run.mask, resets=run.resets))


def test_batch_axes_equal_vmap_over_single_sequences(x64):
    run = draw()

    def single(xs, carry, mask, resets):
        return unroll(CELL, run.params, xs, carry, mask=mask, resets=resets)

    mapped = jax.vmap(single, in_axes=(1, 0, 1, 1), out_axes=(0, 1))(run.xs, run.carry, run.mask, run.resets)
    close(mapped, single(run.xs, run.carry, run.mask, run.resets))


def test_the_hessian_is_the_same_forward_over_reverse_and_reverse_over_reverse(x64):
    cell = RNN(hidden_size=2)
    run = draw(cell=cell, length=3)

    def loss(w_h):
        carry, ys = unroll(cell, run.params._replace(w_h=w_h), run.xs, run.carry, mask=run.mask, resets=run.resets)
        return (ys**2).sum() + jnp.sin(carry.h).sum()

    forward, reverse = (jax.jit(jac(jax.grad(loss)))(run.params.w_h) for jac in (jax.jacfwd, jax.jacrev))
    close(forward, reverse)
    assert np.abs(forward).max() > 1e-3


def test_a_hundred_thousand_steps_stay_finite():
    cell = LSTM(hidden_size=16)
    params = cell.init(jax.random.key(0), D)
    carry, ys = unroll(cell, params, jax.random.normal(jax.random.key(1), (100_000, 1, D)))
    assert ys.shape == (100_000, 1, 16) and carry.c.shape == (1, 16)
    assert jnp.isfinite(ys).all() and jnp.isfinite(carry.c).all()
