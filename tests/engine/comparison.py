"""What executors are compared on: cells, runs with every argument, and a loss that touches all that a run returns."""

import jax
import jax.numpy as jnp
import numpy as np

from recurrax import GRU, LSTM, RNN, unroll
from recurrax._util.float_leaves import by_field, float_leaves, float_merger

STEPS, BATCH, FEATURES = 9, 3, 3
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


def problem(cell, arguments, steps=STEPS, params=None, xs=None, carry=None):
    """Returns a loss `(params, xs, carry, **how) -> scalar`, a point to take it at, and a direction from there.

    Integers of the carry are None at the point and start as zeros. What is not given is normal: parameters of standard
    deviation 0.5, inputs of 1, the carry of 0.3.
    """
    # NumPy draws: to compile what draws each array would take most of the time of a test.
    rng = np.random.default_rng(0)

    def drawn(scale, shapes):
        def draw(a):
            real = scale * rng.normal(size=a.shape)
            return jnp.asarray(real + 1j * scale * rng.normal(size=a.shape) if jnp.iscomplexobj(a) else real, a.dtype)

        return jax.tree.map(draw, shapes)

    shapes, start = jax.eval_shape(lambda: _params_and_carry(cell))
    params = drawn(0.5, shapes) if params is None else params
    with_floats = float_merger(jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), start))
    if xs is None:
        xs = drawn(1.0, jax.ShapeDtypeStruct((steps, BATCH, FEATURES), jnp.result_type(float)))
    start = by_field(start, drawn(0.3, float_leaves(start)) if carry is None else float_leaves(carry))
    arguments = {name: jnp.asarray(a) if isinstance(a, np.ndarray) else a for name, a in arguments.items()}

    def loss(params, xs, carry, **how):
        carry, ys = unroll(cell, params, xs, with_floats(jax.tree.leaves(carry)), **arguments, **how)
        weights = jnp.cos(jnp.arange(ys.size, dtype=ys.dtype)).reshape(ys.shape)
        parts = [part for leaf in float_leaves(carry) for part in (leaf.real, leaf.imag)]
        return jnp.sum(weights * jnp.sin(ys)) + sum(jnp.sum(jnp.cos(2 * part + 0.1)) for part in parts)

    point = (params, xs, start)
    return loss, point, drawn(1.0, point)


def _params_and_carry(cell):
    params = cell.init(jax.random.key(0), FEATURES)
    return params, cell.initial_carry(cell.prepare(params, batch_shape=(BATCH,)), (BATCH,))


def assert_close(got, expected, name, tolerance=1e-12):
    """Raises unless all leaves agree to `tolerance` of the largest entry of each."""
    got, expected = jax.tree.leaves(got), jax.tree.leaves(expected)
    assert len(got) == len(expected)
    for a, b in zip(got, expected, strict=True):
        scale = np.max(np.abs(b), initial=1e-3)
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale, err_msg=str(name))
