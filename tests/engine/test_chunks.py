"""Checkpoints keep all values and gradients; truncation keeps values, and gradients within its reach."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, RNN, Associative, Checkpointed, unroll
from recurrax.cell import dot
from tests.engine.comparison import CELLS, FEATURES, IDS, RUNS, assert_close, problem

EXECUTORS = ("scan", "fused")


@functools.cache
def derivatives(kind, executor):
    loss, point, direction = problem(LSTM(5), RUNS[kind])
    gradient = jax.grad(functools.partial(loss, executor=executor), argnums=(0, 1, 2))
    return jax.jit(lambda: (loss(*point, executor=executor), *jax.jvp(gradient, point, direction)))()


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize(
    ("kind", "every"),
    [
        *(("all", 4), ("all", "sqrt"), ("plain", 1), ("plain", 100)),
        *(
            pytest.param(k, n, marks=pytest.mark.slow)
            for k, n in (("all", 1), ("all", 100), ("plain", 4), ("plain", "sqrt"))
        ),
    ],
)
def test_checkpoints_change_nothing(x64, executor, kind, every):
    assert_close(derivatives(kind, Checkpointed(executor, every)), derivatives(kind, "scan"), every)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_checkpoints_save_memory(executor):
    cell, xs = LSTM(32), jnp.ones((1024, 4, 8))
    params = cell.init(jax.random.key(0), 8)

    def memory(every):
        how = executor if every is None else Checkpointed(executor, every)
        gradient = jax.grad(lambda p: jnp.sum(unroll(cell, p, xs, executor=how)[1] ** 2))
        return jax.jit(gradient).lower(params).compile().memory_analysis().temp_size_in_bytes

    assert memory("sqrt") < memory(None) / 4


WINDOWS = ((4, 4), (9, 9), (3, 5), (2, 6), (4, 7), (5, 20), (1, 3))


@pytest.mark.parametrize(
    ("cell", "kind", "window"),
    [pytest.param(RNN(4), "plain", window, id=f"rnn-{window}") for window in WINDOWS]
    + [
        pytest.param(LSTM(4), "all", window, id=f"lstm-all-{window}", marks=[pytest.mark.slow] * (window != (3, 5)))
        for window in WINDOWS
    ],
)
def test_truncation_is_what_its_definition_says(x64, cell, kind, window):
    """Against windows run one by one: the outputs of steps [e - k1, e) see the last k2 steps before e."""
    _, (params, xs, start), _ = problem(cell, {})
    every, back = window
    arguments = {name: jnp.asarray(a) if not isinstance(a, bool) else a for name, a in RUNS[kind].items()}
    length, reverse = len(xs), arguments.pop("reverse", False)

    def reference(params, xs, start):
        frozen = jax.lax.stop_gradient(params)
        if reverse:
            xs = jnp.flip(xs, 0)
        flags = {name: jnp.flip(a, 0) if reverse else a for name, a in arguments.items()}
        pieces = []
        final = start
        for begin in range(0, length, every):
            end = min(begin + every, length)
            full_end = begin + every
            first = max(0, full_end - back)
            carry = start
            if first:
                held = {name: a[:first] for name, a in flags.items()}
                carry, _ = unroll(cell, frozen, jax.lax.stop_gradient(xs[:first]), start, executor="scan", **held)
                carry = jax.lax.stop_gradient(carry)
            seen = {name: a[first:end] for name, a in flags.items()}
            final, ys = unroll(cell, params, xs[first:end], carry, executor="scan", **seen)
            pieces.append(ys[begin - first :])
        ys = jnp.concatenate(pieces)
        return final, jnp.flip(ys, 0) if reverse else ys

    def truncated(params, xs, start, executor):
        how = {"executor": executor, "truncate_every": every if every == back else window}
        return unroll(cell, params, xs, start, reverse=reverse, **arguments, **how)

    def whole(*point):
        return unroll(cell, *point, reverse=reverse, **arguments)

    @functools.partial(jax.jit, static_argnums=0)
    def values_and_gradients(run, *point):
        def value(*point):
            carry, ys = run(*point)
            weights = jnp.cos(jnp.arange(ys.size, dtype=xs.dtype)).reshape(ys.shape)
            return jnp.sum(weights * jnp.sin(ys)) + jnp.sum(jnp.sin(carry.h)), (carry, ys)

        (_, values), gradients = jax.value_and_grad(value, argnums=(0, 1, 2), has_aux=True)(*point)
        return values, gradients

    values, _ = values_and_gradients(whole, params, xs, start)
    _, gradients = values_and_gradients(reference, params, xs, start)
    for executor in EXECUTORS:
        got = values_and_gradients(functools.partial(truncated, executor=executor), params, xs, start)
        assert_close(got, (values, gradients), executor)


def test_truncation_and_checkpoints_go_together(x64):
    loss, point, _ = problem(GRU(4), {})

    def gradients(**how):
        return jax.jit(jax.grad(functools.partial(loss, truncate_every=5, **how), argnums=(0, 1, 2)))(*point)

    assert_close(gradients(executor=Checkpointed(every=2)), gradients(), "both")


def test_no_gradient_passes_the_end_of_a_chunk():
    cell, xs = RNN(3), jnp.ones((9, 2, FEATURES))
    params = cell.init(jax.random.key(0), FEATURES)
    gradient = jax.jit(jax.grad(lambda xs: jnp.sum(unroll(cell, params, xs, truncate_every=4)[1][-1])))(xs)
    assert (gradient[:8] == 0).all() and (gradient[8] != 0).all()


@pytest.mark.parametrize("reverse", [False, True])
def test_the_final_carry_has_the_gradient_of_the_last_chunk_where_all_are_full(x64, reverse):
    cell, xs = RNN(3), jnp.cos(jnp.arange(12.0)).reshape(6, 2)
    params = cell.init(jax.random.key(0), 2)

    def gradient(**how):
        return jax.jit(jax.value_and_grad(lambda xs: jnp.sum(unroll(cell, params, xs, reverse=reverse, **how)[0].h)))(
            xs
        )

    (expected, whole), (got, cut) = gradient(executor="scan"), gradient(truncate_every=3)
    last, others = (slice(3), slice(3, 6)) if reverse else (slice(3, 6), slice(3))
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    np.testing.assert_allclose(cut[last], whole[last], rtol=1e-12)
    assert not cut[others].any()


@pytest.mark.parametrize("window", [(1, 2), (2, 6)], ids=["shorter", "as long as the run"])
def test_windows_keep_the_values_of_a_reversed_run(x64, window):
    cell, xs = RNN(3), jnp.cos(jnp.arange(12.0)).reshape(6, 2)
    params = cell.init(jax.random.key(0), 2)
    got, expected = (unroll(cell, params, xs, reverse=True, truncate_every=w) for w in (window, None))
    assert_close(got, expected, window)


@pytest.mark.parametrize(
    "how",
    [
        {"executor": "scan"},
        {"executor": "fused"},
        {"executor": Checkpointed(every=2)},
        {"truncate_every": 2},
        {"truncate_every": (1, 2)},
        {"executor": Associative(chunk=2)},
    ],
    ids=str,
)
def test_gradients_in_bfloat16_of_what_all_steps_share_are_summed_up_in_float32(how):
    """Of 1,024 resets to a start of ones, and a bias that is added then: bfloat16 would end either sum below."""
    cell = Start(3)
    params = jax.tree.map(lambda a: a.astype(jnp.bfloat16), cell.init(jax.random.key(0), 2))
    xs, resets = jnp.zeros((1024, 1, 2), jnp.bfloat16), jnp.ones((1024, 1), bool)

    def total(params):
        return jnp.sum(unroll(cell, params, xs, resets=resets, **how)[1].astype(jnp.float32))

    gradient = jax.jit(jax.grad(total))(params._replace(w_h=jnp.ones_like(params.w_h)))
    np.testing.assert_array_equal(gradient.b, 1024)
    np.testing.assert_array_equal(gradient.w_h[0], 1024)


class Start(RNN):
    """Keeps its input and its state, which starts from the first row of `w_h`."""

    linear = True

    def initial_carry(self, weights, batch_shape=()):
        carry = super().initial_carry(weights, batch_shape)
        return type(carry)(carry.h + weights.w_h[0])

    def step(self, weights, carry, z, dot=dot):
        return type(carry)(z.h + carry.h)


@pytest.mark.parametrize("cell", CELLS, ids=IDS)
def test_a_stream_has_the_bits_of_one_pass(cell):
    params, xs = cell.init(jax.random.key(0), FEATURES), jax.random.normal(jax.random.key(1), (60, 2, FEATURES))
    _, whole = unroll(cell, params, xs, executor="scan")
    carry, pieces = None, []
    for begin, end in ((0, 1), (1, 8), (8, 60)):
        carry, ys = unroll(cell, params, xs[begin:end], carry, executor="scan")
        pieces.append(ys)
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"truncate_every": -1}, ValueError, "truncate_every"),
        ({"truncate_every": (4, 2)}, ValueError, "k2 >= k1"),
        ({"truncate_every": (4, 2, 3)}, ValueError, "pair"),
        ({"truncate_every": [4, 8]}, TypeError, "truncate_every"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, message):
    cell = RNN(3)
    with pytest.raises(error, match=message):
        unroll(cell, cell.init(jax.random.key(0), 2), jnp.ones((3, 2)), **arguments)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"every": 0}, ValueError, "^every must be at least 1, got 0"),
        ({"every": "cbrt"}, ValueError, "^every must be a number of steps or 'sqrt', got 'cbrt'"),
        ({"every": 2.5}, TypeError, "^every must be an integer"),
        ({"executor": "fusd"}, ValueError, "^executor must be one of .*got 'fusd'"),
        ({"executor": Checkpointed()}, ValueError, "^executor must not be Checkpointed itself"),
    ],
)
def test_wrong_settings_of_checkpoints_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        Checkpointed(**arguments)
