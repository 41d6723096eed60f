"""What executors are compared on: cells, runs with every argument, and a loss that touches all that a run returns."""

import jax
import jax.numpy as jnp
import numpy as np

from recurrax import GRU, LSTM, RNN, unroll

STEPS, BATCH, FEATURES = 9, 3, 4
CELLS = (RNN(5), LSTM(5), GRU(5), GRU(5, reset="after"))
IDS = ("rnn", "lstm", "gru-before", "gru-after")
MASK = np.random.default_rng(0).random((STEPS, BATCH)) < 0.7
RESETS = np.random.default_rng(1).random((STEPS, BATCH)) < 0.3
RUNS = {
    "plain": {},
    "mask": {"mask": MASK},
    "resets": {"resets": RESETS},
    "reverse": {"reverse": True},
    "all": {"mask": MASK, "resets": RESETS, "reverse": True},
}
"""Arguments of `unroll`, by name."""


def problem(cell, arguments, steps=STEPS):
    """Returns a loss `(params, xs, carry, **how) -> scalar`, a point to take it at, and a direction from there."""
    params = cell.init(jax.random.key(0), FEATURES)
    xs = jax.random.normal(jax.random.key(1), (steps, BATCH, FEATURES))
    start = jax.tree.map(lambda a: a + jnp.asarray(0.3, a.dtype), cell.initial_carry(cell.prepare(params), (BATCH,)))
    arguments = {name: jnp.asarray(a) if isinstance(a, np.ndarray) else a for name, a in arguments.items()}

    def loss(params, xs, carry, **how):
        carry, ys = unroll(cell, params, xs, carry, **arguments, **how)
        weights = jnp.cos(jnp.arange(ys.size, dtype=xs.dtype)).reshape(ys.shape)
        parts = [part for leaf in jax.tree.leaves(carry) for part in (leaf.real, leaf.imag)]
        return jnp.sum(weights * jnp.sin(ys)) + sum(jnp.sum(jnp.cos(2 * part + 0.1)) for part in parts)

    point = (params, xs, start)
    leaves, treedef = jax.tree.flatten(point)
    keys = jax.random.split(jax.random.key(2), len(leaves))
    direction = [jax.random.normal(key, leaf.shape, leaf.dtype) for key, leaf in zip(keys, leaves, strict=True)]
    return loss, point, treedef.unflatten(direction)


def assert_close(got, expected, name, tolerance=1e-12):
    """Raises unless all leaves agree to `tolerance` of the largest entry of each."""
    got, expected = jax.tree.leaves(got), jax.tree.leaves(expected)
    assert len(got) == len(expected)
    for a, b in zip(got, expected, strict=True):
        scale = np.max(np.abs(b), initial=1e-3)
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale, err_msg=str(name))
