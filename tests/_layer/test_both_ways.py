"""Two layers from either end, whichever module holds them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, bidirectional, length_mask
from tests.flax_examples import Linen, Nnx, batch_first, parameters, sequences, time_first

B, T = 3, 9
CELLS = LSTM(4), GRU(3)
PARAMS = tuple(parameters(cell, seed) for seed, cell in enumerate(CELLS))
INPUTS = sequences(B, T, 3)
LENGTHS = jnp.array([9, 4, 0])
RESETS = jnp.zeros((B, T), bool).at[:, 3].set(True)

either_module = pytest.mark.parametrize("module", [Linen, Nnx])


def close(got, expected):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), tuple(got), expected)


@either_module
@pytest.mark.parametrize("time_major", [False, True])
@pytest.mark.parametrize("merge", ["concat", "pair"])
def test_a_layer_does_what_the_function_does(module, merge, time_major):
    mask = length_mask(LENGTHS, T)
    (forward, backward), ys = bidirectional(CELLS, PARAMS, time_first(INPUTS), mask=mask, resets=RESETS.T, merge=merge)
    fields = {"backward_cell": CELLS[1], "merge": merge, "time_major": time_major}
    inputs, resets = (time_first(INPUTS), RESETS.T) if time_major else (INPUTS, RESETS)
    given = {"seq_lengths": LENGTHS, "resets": resets, "return_carry": True}
    carries, outputs = module.bidirectional(CELLS[0], PARAMS, inputs, fields=fields, **given)
    close((carries.forward, carries.backward), (forward, backward))
    close((outputs,), (ys if time_major else batch_first(ys),))
