"""The flat weights of `jax.experimental.rnn`, which runs here on its plain reference."""

import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.rnn import lstm_ref, unpack_lstm_weights

from recurrax import LSTM
from recurrax.interop.cudnn import from_cudnn, to_cudnn
from recurrax.wrappers.stack import Stack
from tests.interop.examples import BATCH, SIZE, STEPS, WIDTH, close, equal, inputs, ours, random_params

CELL = Stack((LSTM(WIDTH), LSTM(WIDTH)))


def sides_of(directions):
    """Returns the parameters of both layers by direction; an upper layer sees all directions of the one below."""
    widths = (SIZE, directions * WIDTH)
    return [
        tuple(random_params(LSTM(WIDTH), size=d, seed=7 * n + m) for m, d in enumerate(widths))
        for n in range(directions)
    ]


def test_both_directions_share_the_flat_weights():
    sides = sides_of(2)
    equal(from_cudnn(CELL, to_cudnn(CELL, *sides), SIZE, bidirectional=True), tuple(sides))
    with pytest.raises(ValueError, match=r"weights must have shape \(\d+,\) for .*, got \(3,\)"):
        from_cudnn(CELL, np.zeros(3), SIZE)


@pytest.mark.usefixtures("standard_promotion")
@pytest.mark.parametrize("directions", [1, 2])
def test_the_same_outputs(x64, directions):
    sides = sides_of(directions)
    parts = unpack_lstm_weights(jnp.asarray(to_cudnn(CELL, *sides)), SIZE, WIDTH, 2, directions == 2)
    start = jnp.zeros((2 * directions, BATCH, WIDTH))
    lengths = jnp.full(BATCH, STEPS, jnp.int32)
    theirs, _, _ = lstm_ref(
        jnp.asarray(inputs().swapaxes(0, 1)), start, start, *parts, lengths, SIZE, WIDTH, 2, 0.0, directions == 2
    )
    xs = inputs()
    for n in range(2):
        xs = np.concatenate([ours(LSTM(WIDTH), s[n], reverse=back == 1, xs=xs) for back, s in enumerate(sides)], -1)
    close(np.asarray(theirs).swapaxes(0, 1), xs)
