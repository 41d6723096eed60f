"""What the tests of weights share: random parameters, inputs, and a run of ours to compare with."""

import jax
import jax.numpy as jnp
import numpy as np

from recurrax import GRU, RNN, unroll

STEPS, BATCH, SIZE, WIDTH = 20, 3, 5, 7
AFTER = GRU(WIDTH, reset="after")
RELU = RNN(WIDTH, activation="relu")
PLAIN = {"use_bias": False}


def random_params(cell, dtype=np.float64, size=SIZE, seed=0):
    rng = np.random.default_rng(seed)
    shapes = jax.eval_shape(lambda: cell.init(jax.random.key(0), size))
    return jax.tree.map(lambda a: (WIDTH**-0.5 * rng.normal(size=a.shape)).astype(dtype), shapes)


def inputs(dtype=np.float64):
    """Returns `[STEPS, BATCH, SIZE]`."""
    return np.random.default_rng(9).normal(size=(STEPS, BATCH, SIZE)).astype(dtype)


def ours(cell, params, dtype=np.float64, reverse=False, xs=None):
    """Returns the outputs `[STEPS, BATCH, H]` of our cell."""
    params = jax.tree.map(jnp.asarray, params)
    return np.asarray(unroll(cell, params, jnp.asarray(inputs(dtype) if xs is None else xs), reverse=reverse)[1])


def close(got, expected):
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


def equal(got, expected):
    jax.tree.map(np.testing.assert_array_equal, got, expected)
