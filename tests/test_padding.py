import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recurrax.linen
from recurrax import LSTM, pad_sequences, unroll

SEQUENCES = [np.arange(3 * n, dtype=np.float32).reshape(n, 3) for n in (5, 1, 9)]


@pytest.mark.parametrize(("longest", "length"), [(0, 1), (1, 1), (2, 2), (3, 3), (5, 6), (7, 8), (9, 12), (13, 16)])
def test_lengths_are_rounded_up_to_two_buckets_per_doubling(longest, length):
    assert pad_sequences([np.ones((longest, 2))]).xs.shape == (length, 1, 2)


def test_lengths_up_to_1024_make_20_programs_of_which_no_third_is_padding():
    lengths = {n: len(pad_sequences([np.zeros(n)]).xs) for n in range(1, 1025)}
    assert len(set(lengths.values())) == 20
    assert all(length * 2 < 3 * n for n, length in lengths.items())


def test_buckets_may_be_given():
    assert pad_sequences(SEQUENCES, buckets=[8, 10, 50]).xs.shape == (10, 3, 3)
    with pytest.raises(ValueError, match=r"buckets must hold the longest sequence, of 9 steps, got \[4, 8\]"):
        pad_sequences(SEQUENCES, buckets=[4, 8])
    with pytest.raises(ValueError, match="buckets must be lengths that rise"):
        pad_sequences(SEQUENCES, buckets=[16, 8])


def test_a_padded_batch_gives_what_each_sequence_gives():
    cell = LSTM(2)
    params = cell.init(jax.random.key(0), 3)
    batch = pad_sequences(SEQUENCES)
    carry, ys = unroll(cell, params, batch.xs, mask=batch.mask)
    layer = recurrax.linen.RNN(cell)
    flipped = pad_sequences(SEQUENCES, batch_major=True)
    np.testing.assert_array_equal(flipped.mask, batch.mask.T)
    variables = layer.variables_of(params)
    outputs = layer.apply(variables, flipped.xs, seq_lengths=flipped.lengths)
    np.testing.assert_allclose(outputs, layer.apply(variables, flipped.xs, mask=flipped.mask))
    for n, xs in enumerate(SEQUENCES):
        alone, y = unroll(cell, params, jnp.asarray(xs)[:, None])
        np.testing.assert_allclose(ys[: len(xs), n], y[:, 0], rtol=1e-5)
        np.testing.assert_allclose(outputs[n, : len(xs)], y[:, 0], rtol=1e-5)
        np.testing.assert_allclose(carry.c[n], alone.c[0], rtol=1e-5)


def test_sequences_may_be_pytrees():
    batch = pad_sequences([{"x": xs, "id": np.arange(len(xs))} for xs in SEQUENCES])
    assert batch.xs["x"].shape == (12, 3, 3) and batch.xs["id"].dtype == np.arange(1).dtype
    assert batch.lengths.tolist() == [5, 1, 9]


@pytest.mark.parametrize(
    ("sequences", "error", "message"),
    [
        ([], ValueError, "sequences must hold at least one"),
        ([[1, 2]], TypeError, r"sequences\[0\].* must be an array"),
        ([np.float32(1)], ValueError, r"sequences\[0\] must have a time axis"),
        ([np.ones((2, 3)), np.ones((2, 4))], ValueError, r"sequences\[1\] has shape \(2, 4\)"),
        ([np.ones((2, 3)), {"x": np.ones((2, 3))}], TypeError, r"sequences\[1\]: got a dict of .x., expected an array"),
        ([{"a": np.ones(2), "b": np.ones(3)}], ValueError, r"sequences\[0\] must have one length .* \[2, 3\]"),
    ],
)
def test_sequences_that_make_no_batch_are_named(sequences, error, message):
    with pytest.raises(error, match=message):
        pad_sequences(sequences)
