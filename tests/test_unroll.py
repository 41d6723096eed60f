import dataclasses
from typing import NamedTuple

import hypothesis
import hypothesis.extra.numpy
import hypothesis.strategies as st
import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, RNN, Cell, explain, from_step, length_mask, unroll

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


# ---- resets ---------------------------------------------------------------------------------------------------------


class Started(NamedTuple):
    start: jax.Array


def running_sum(params, total, x):
    return total + x, total + x


def learned_start(params, batch):
    return jnp.broadcast_to(params.start, (*batch, 1))


def the_sum(params, total):
    return total


COUNTER = from_step(running_sum, learned_start, output=the_sum)


@pytest.mark.parametrize(
    ("reverse", "expected"),
    [(False, [1001, 1002, 11, 12, 13]), (True, [13, 12, 11, 1002, 1001])],
)
def test_a_reset_restores_the_cells_initial_carry_and_not_the_one_passed_in(reverse, expected):
    resets = np.array([False, False, True, False, False])
    params, carry = Started(jnp.array([10.0])), jnp.array([1000.0])
    final, ys = unroll(COUNTER, params, jnp.ones((5, 1)), carry, resets=resets, reverse=reverse)
    np.testing.assert_array_equal(ys[:, 0], expected)
    assert final == 13


def test_the_initial_carry_is_the_default_start():
    _, ys = unroll(COUNTER, Started(jnp.array([10.0])), jnp.ones((3, 1)))
    np.testing.assert_array_equal(ys[:, 0], [11, 12, 13])


def test_no_gradient_passes_a_reset_but_what_it_restores_gets_its_own():
    resets = np.array([False, False, True, False])

    def last(params, carry, xs):
        return unroll(COUNTER, params, xs, carry, resets=resets)[0][0]

    arguments = Started(jnp.array([10.0])), jnp.array([1000.0]), jnp.ones((4, 1))
    to_params, to_carry, to_xs = jax.grad(last, argnums=(0, 1, 2))(*arguments)
    np.testing.assert_array_equal(to_params.start, [1])
    np.testing.assert_array_equal(to_carry, [0])
    np.testing.assert_array_equal(to_xs[:, 0], [0, 0, 1, 1])


def test_a_reset_clears_a_carry_that_is_not_finite():
    run = draw()
    broken = jax.tree.map(lambda a: jnp.full_like(a, jnp.nan), run.carry)
    resets = np.zeros((T, B), bool)
    resets[0] = True

    def total(params, carry):
        _, ys = unroll(CELL, params, run.xs, carry, resets=resets)
        return ys.sum(), ys

    gradient, ys = jax.grad(total, has_aux=True)(run.params, broken)
    identical((gradient, ys), jax.grad(total, has_aux=True)(run.params, run.carry))


# ---- randomness -----------------------------------------------------------------------------------------------------


class Level(NamedTuple):
    w: jax.Array


class NoisyWeights(NamedTuple):
    w: jax.Array
    shared: jax.Array


class NoisyCarry(NamedTuple):
    h: jax.Array


@dataclasses.dataclass(frozen=True)
class Noisy(Cell):
    """Emits x_t plus fresh noise plus noise shared by the whole run."""

    def init(self, key, input_size):
        return Level(jnp.ones(()))

    def prepare(self, params, *, key=None, batch_shape=()):
        shared = jnp.zeros(batch_shape) if key is None else jax.random.normal(key, batch_shape)
        return NoisyWeights(params.w, shared)

    def initial_carry(self, weights, batch_shape=()):
        return NoisyCarry(jnp.zeros((*batch_shape, 1)))

    def project(self, weights, x, key=None):
        return x if key is None else x + jax.random.normal(key, x.shape)

    def step(self, weights, carry, z, dot=None):
        return NoisyCarry(z + weights.shared[..., None])


def test_step_t_gets_the_key_folded_with_t_in_either_direction():
    key, zeros = jax.random.key(5), jnp.zeros((4, 2, 1))
    expected = [jax.random.normal(jax.random.fold_in(key, t), (2, 1)) for t in range(4)]
    for reverse in (False, True):
        _, ys = unroll(Noisy(), Level(jnp.ones(())), zeros, key=key, reverse=reverse)
        fresh = ys - ys[:1] + expected[0]
        np.testing.assert_allclose(fresh, expected, atol=1e-6)


def test_prepare_gets_a_key_of_its_own_and_the_batch_shape():
    key, zeros = jax.random.key(5), jnp.zeros((4, 2, 1))
    _, ys = unroll(Noisy(), Level(jnp.ones(())), zeros, key=key)
    shared = ys[0, :, 0] - jax.random.normal(jax.random.fold_in(key, 0), (2, 1))[:, 0]
    assert shared[0] != shared[1]
    for t in range(4):
        assert not np.allclose(shared, jax.random.normal(jax.random.fold_in(key, t), (2,)))


def test_without_a_key_a_noisy_cell_is_deterministic():
    _, ys = unroll(Noisy(), Level(jnp.ones(())), jnp.ones((4, 2, 1)))
    assert (ys == 1).all()


def test_a_key_works_with_no_step_and_in_the_old_style():
    assert unroll(Noisy(), Level(jnp.ones(())), jnp.ones((0, 2, 1)), key=jax.random.key(0))[1].shape == (0, 2, 1)
    old, new = (
        unroll(Noisy(), Level(jnp.ones(())), jnp.ones((3, 1)), key=k(0)) for k in (jax.random.PRNGKey, jax.random.key)
    )
    identical(old, new)


# ---- transformations ------------------------------------------------------------------------------------------------


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


def test_running_an_equal_cell_again_does_not_trace_again():
    traced = []

    def step(params, total, x):
        traced.append(x)
        return total + x, total + x

    cell = from_step(step, learned_start, output=the_sum)
    params = Started(jnp.zeros(1))
    unroll(cell, params, jnp.ones((3, 1)))
    count = len(traced)
    unroll(dataclasses.replace(cell), params, jnp.zeros((3, 1)))
    assert len(traced) == count > 0


def test_inputs_may_be_a_pytree():
    def step(params, total, x):
        total = params.start * total + x["value"] * x["weight"][..., None]
        return total, total

    cell = from_step(step, learned_start, output=the_sum)
    xs = {"value": jnp.ones((3, 2, 1)), "weight": jnp.arange(6.0).reshape(3, 2)}
    _, ys = unroll(cell, Started(jnp.ones(1)), xs, mask=np.array([[True, True], [False, True], [True, True]]))
    np.testing.assert_array_equal(ys[..., 0], [[1, 2], [0, 5], [5, 10]])


def test_a_hundred_thousand_steps_stay_finite():
    cell = LSTM(hidden_size=16)
    params = cell.init(jax.random.key(0), D)
    carry, ys = unroll(cell, params, jax.random.normal(jax.random.key(1), (100_000, 1, D)))
    assert ys.shape == (100_000, 1, 16) and carry.c.shape == (1, 16)
    assert jnp.isfinite(ys).all() and jnp.isfinite(carry.c).all()


# ---- length_mask ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lengths", [3, [0, 5, 2], [[0, 1], [5, 4]], np.array([5], np.int8), np.array([], np.uint8)])
def test_length_mask_is_true_for_the_first_steps_of_each_sequence(lengths):
    mask = length_mask(np.asarray(lengths), 5)
    assert mask.shape == (5, *np.shape(lengths)) and mask.dtype == bool
    np.testing.assert_array_equal(mask.sum(0), lengths)
    np.testing.assert_array_equal(mask, np.sort(mask, axis=0)[::-1])


def test_length_mask_takes_lengths_of_a_dtype_that_cannot_hold_the_number_of_steps(standard_promotion):
    np.testing.assert_array_equal(length_mask(np.array([200, 0], np.uint8), 300).sum(0), [200, 0])


def test_length_mask_works_under_jit_and_for_no_step():
    np.testing.assert_array_equal(jax.jit(length_mask, static_argnums=1)(jnp.array([1]), 3), [[1], [0], [0]])
    assert length_mask(np.zeros(2, int), 0).shape == (0, 2)


@pytest.mark.parametrize(
    ("lengths", "length", "error", "message"),
    [
        ([1, 4], 3, ValueError, "lengths must lie between 0 and T = 3, got 4"),
        ([1, -1], 3, ValueError, "lengths must lie between 0 and T = 3, got -1"),
        ([1.0], 3, TypeError, "lengths must be integers, got dtype float"),
        ([True], 3, TypeError, "lengths must be integers, got dtype bool"),
        ("ab", 3, TypeError, "lengths must be"),
        ([1], 3.0, TypeError, "length must be"),
        ([0], -1, ValueError, "length must be"),
    ],
)
def test_length_mask_names_what_is_wrong(lengths, length, error, message):
    with pytest.raises(error, match=message):
        length_mask(lengths, length)


# ---- explain --------------------------------------------------------------------------------------------------------


def test_explain_tells_the_executor_the_sizes_and_why():
    run = draw()
    explanation = explain(CELL, run.params, run.xs, run.carry, mask=run.mask, resets=run.resets)
    assert explanation.executor == "fused" and explanation.reason
    assert (explanation.steps, explanation.batch_shape) == (T, (B,))
    assert explanation.outputs.shape == (T, B, H) and explanation.outputs.dtype == jnp.float32
    assert explanation.carry.c.shape == (B, H)
    assert str(explanation).startswith("fused: ")
    assert f"steps {T}, batch ({B},); carry h float32[{B}, {H}], c float32[{B}, {H}]" in str(explanation)


def test_explain_names_an_executor_that_was_asked_for():
    run = draw()
    assert explain(CELL, run.params, run.xs, executor="scan").reason == "asked for"


def test_explain_computes_nothing():
    params = jax.eval_shape(lambda: CELL.init(jax.random.key(0), D))
    explanation = explain(CELL, params, jax.ShapeDtypeStruct((10**7, 10**4, D), jnp.float32))
    assert explanation.outputs.shape == (10**7, 10**4, H)


# ---- errors ---------------------------------------------------------------------------------------------------------

run = draw()


def zeros(*shape, dtype=jnp.float32):
    return np.zeros(shape, dtype)


ERRORS = {
    "cell is a class": ({"cell": LSTM}, TypeError, r"cell must be a recurrax Cell, got .*LSTM.*Make an instance"),
    "cell is a name": ({"cell": "lstm"}, TypeError, "cell must be a recurrax Cell, got 'lstm'"),
    "xs is a list": ({"xs": [[1.0, 2.0, 3.0]]}, TypeError, r"xs\[0\]\[0\] must be an array, got 1.0 of type float"),
    "xs is missing": ({"xs": None}, ValueError, "xs has no array"),
    "xs has no features": ({"xs": zeros(T)}, ValueError, r"xs must have at least 2 axes, .* got shape \(6,\)"),
    "xs has other features": ({"xs": zeros(T, B, 5)}, ValueError, r"xs has 5 features \(shape \(6, 2, 5\)\).* take 3"),
    "xs is features first": ({"xs": zeros(D, B, T)}, ValueError, "xs has 6 features .* features last"),
    "xs is a pytree for a cell of one input": ({"xs": {"a": zeros(T, B, D)}}, TypeError, "xs"),
    "xs is text": ({"xs": np.full((T, B, D), "a")}, TypeError, "xs"),
    "xs is complex": ({"xs": zeros(T, B, D, dtype=complex)}, TypeError, r"carry.h is float32 .* xs \(complex64\)"),
    "params is of another cell": (
        {"params": GRU(hidden_size=H).init(jax.random.key(0), D)},
        TypeError,
        r"params has another structure than LSTM\(.* got .*GRUParams",
    ),
    "params is a dict": ({"params": run.params._asdict()}, TypeError, "params"),
    "params is a tuple": ({"params": tuple(run.params)}, TypeError, "params"),
    "params is missing": ({"params": None}, TypeError, "params"),
    "params is a list of numbers": (
        {"params": run.params._replace(b=[0.0])},
        TypeError,
        r"params.b\[0\] must be an array",
    ),
    "params has no bias": ({"params": run.params._replace(b=None)}, TypeError, "params has another structure"),
    "params has another size": (
        {"params": LSTM(hidden_size=5).init(jax.random.key(0), D)},
        ValueError,
        r"params.w_x has shape \(3, 20\), LSTM\(.* expects \(3, 16\)",
    ),
    "params has one wrong array": (
        {"params": run.params._replace(w_h=zeros(H, H))},
        ValueError,
        r"params.w_h has shape \(4, 4\), LSTM\(.* expects \(4, 16\)",
    ),
    "params has a scalar": ({"params": run.params._replace(w_x=zeros())}, ValueError, r"params.w_x has shape \(\)"),
    "params are integers": (
        {"params": jax.tree.map(lambda a: a.astype(int), run.params), "carry": None},
        TypeError,
        "carry.h is int32 .* makes it float32.* Cast params",
    ),
    "carry is a tuple": ({"carry": tuple(run.carry)}, TypeError, "carry holds a plain tuple where LSTM"),
    "carry is one array": ({"carry": run.carry.h}, TypeError, "carry has another structure than LSTM"),
    "carry is of another cell": (
        {"carry": RNN(hidden_size=H).initial_carry(run.params, (B,))},
        TypeError,
        "carry has another structure than LSTM.* got .*RNNCarry",
    ),
    "carry is a list": ({"carry": [0.0, 0.0]}, TypeError, r"carry\[0\] must be an array"),
    "carry has another batch": (
        {"carry": run.carry._replace(c=zeros(3, H))},
        ValueError,
        r"carry.c has shape \(3, 4\), LSTM\(.* expects \(2, 4\)",
    ),
    "carry has no batch": ({"carry": CELL.initial_carry(run.params)}, ValueError, r"carry.h has shape \(4,\)"),
    "carry has another dtype": (
        {"carry": jax.tree.map(lambda a: a.astype(jnp.float16), run.carry)},
        TypeError,
        "carry.h is float16 and a step of LSTM.* makes it float32",
    ),
    "carry is of integers": (
        {"carry": jax.tree.map(lambda a: a.astype(int), run.carry)},
        TypeError,
        "carry.h is int32 and a step of LSTM.* makes it float32",
    ),
    "params are narrower than xs": (
        {"params": jax.tree.map(lambda a: a.astype(jnp.bfloat16), run.params), "carry": None},
        TypeError,
        r"carry.h is bfloat16 .* makes it float32.* Cast params, xs \(float32\)",
    ),
    "mask has another length": (
        {"mask": zeros(5, B, dtype=bool)},
        ValueError,
        r"mask must have shape \(6, 2\).*got \(5, 2\)",
    ),
    "mask has no batch": ({"mask": zeros(T, dtype=bool)}, ValueError, r"mask must have shape \(6, 2\).*got \(6,\)"),
    "mask is of integers": ({"mask": zeros(T, B, dtype=int)}, TypeError, "mask must be boolean, got dtype int32"),
    "mask is a list": ({"mask": [True] * T}, TypeError, r"mask\[0\] must be an array, got True of type bool"),
    "resets have another batch": (
        {"resets": zeros(T, 3, dtype=bool)},
        ValueError,
        r"resets must have shape \(6, 2\).*got \(6, 3\)",
    ),
    "resets have features": ({"resets": zeros(T, B, 1, dtype=bool)}, ValueError, r"resets must have shape \(6, 2\)"),
    "resets are floats": ({"resets": zeros(T, B)}, TypeError, "resets must be boolean, got dtype float32"),
    "resets are a list": ({"resets": [True] * T}, TypeError, r"resets\[0\] must be an array"),
    "key is a number": ({"key": 0}, TypeError, "^key"),
    "key is of floats": ({"key": zeros(2)}, TypeError, "^key"),
    "key is several": ({"key": jax.random.split(jax.random.key(0))}, ValueError, "^key"),
    "reverse is text": ({"reverse": "no"}, TypeError, "reverse must be"),
    "executor is unknown": (
        {"executor": "fast"},
        ValueError,
        "executor must be one of 'auto', 'scan', 'fused', 'associative', 'newton', 'kernel', 'checkpointed', got 'fast'",
    ),
    "executor is missing": (
        {"executor": None},
        TypeError,
        "executor must be a name or an instance such as recurrax.Newton\\(\\), got None",
    ),
}


@pytest.mark.parametrize("function", [unroll, explain])
@pytest.mark.parametrize("case", ERRORS)
def test_a_wrong_argument_is_named(standard_promotion, case, function):
    changes, error, message = ERRORS[case]
    arguments = {"cell": CELL, "params": run.params, "xs": run.xs, "carry": run.carry} | changes
    with pytest.raises(error, match=message):
        function(**arguments)


def test_leaves_of_xs_that_disagree_are_named():
    xs = {"a": zeros(T, B, D), "b": zeros(T, 3)}
    with pytest.raises(ValueError, match=r"xs\['b'\] has shape \(6, 3\); .* of the first, \(6, 2\)"):
        unroll(COUNTER, Started(zeros(1)), xs)


def test_a_step_that_changes_the_shape_of_the_carry_is_named():
    cell = from_step(
        lambda params, carry, x: (carry[..., :1], x), lambda params, batch: jnp.zeros((*batch, 2)), output=the_sum
    )
    with pytest.raises(ValueError, match=r"the carry after a step has shape \(2, 1\), .* expects \(2, 2\)"):
        unroll(cell, None, zeros(T, B, D))


def test_integers_are_inputs_that_a_float_cell_takes(standard_promotion):
    identical(
        unroll(CELL, run.params, np.ones((T, B, D), int)), unroll(CELL, run.params, np.ones((T, B, D), np.float32))
    )
