"""NumPy truths that tests share, written from definitions and not from the library."""

import jax
import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


ACTIVATIONS = {
    "tanh": np.tanh,
    "relu": lambda a: np.maximum(a, 0),
    "identity": lambda a: a,
    "sigmoid": sigmoid,
    "hard_sigmoid": lambda a: np.clip((a + 3) / 6, 0, 1),
    "hard_tanh": lambda a: np.clip(a, -1, 1),
    "leaky_relu": lambda a: np.where(a >= 0, a, 0.01 * a),
    "elu": lambda a: np.where(a > 0, a, np.expm1(np.minimum(a, 0))),
    "selu": lambda a: 1.0507009873554805 * np.where(a > 0, a, 1.6732632423543772 * np.expm1(np.minimum(a, 0))),
    "gelu": lambda a: 0.5 * a * (1 + np.tanh(np.sqrt(2 / np.pi) * (a + 0.044715 * a**3))),
    "silu": lambda a: a * sigmoid(a),
    "softplus": lambda a: np.log1p(np.exp(a)),
    "softsign": lambda a: a / (1 + np.abs(a)),
    "sin": np.sin,
}


def unroll(step, carry, xs, mask, resets, initial, *, reverse=False):
    """Runs `step(carry, x) -> (carry, y)` over time, one example of the batch after the other, no cleverness.

    Args:
      step: takes and returns a pytree of arrays without batch axes.
      carry: pytree of `[B, ...]`, where the run starts.
      xs: pytree of `[T, B, ...]`.
      mask: boolean `[T, B]`; a step where it is False does not exist.
      resets: boolean `[T, B]`.
      initial: pytree of `[B, ...]`, what a reset restores.
      reverse: begin at the last step.

    Returns:
      The final carry, a pytree of `[B, ...]`, and the outputs as a list over T of lists over B; None where masked.
    """

    def at(tree, *index):
        return jax.tree.map(lambda a: a[index], tree)

    length, size = mask.shape
    states, outputs = [], [[None] * size for _ in range(length)]
    for b in range(size):
        state = at(carry, b)
        for t in reversed(range(length)) if reverse else range(length):
            if not mask[t, b]:
                continue
            if resets[t, b]:
                state = at(initial, b)
            state, outputs[t][b] = step(state, at(xs, t, b))
        states.append(state)
    return jax.tree.map(lambda *leaves: np.stack(leaves), *states), outputs
