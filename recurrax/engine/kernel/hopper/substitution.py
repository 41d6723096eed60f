"""Elementwise code in terms of what the kernel language knows, and knows how to do fast.

Mosaic has no rule for some primitives, `add_any` of derivatives among them, and lowers others badly: its `logistic`
divides. Divisions and powers cost more than all the rest of an LSTM's step.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from recurrax.engine.kernel.cut import evaluation


def _log1p(x: jax.Array, **_: Any) -> jax.Array:
    # The rounding of 1 + x is undone by the quotient (Goldberg 1991, theorem 4).
    u = 1.0 + x
    return jnp.where(u == 1.0, x, jnp.log(u) * x / jnp.where(u == 1.0, 1.0, u - 1.0))


def _expm1(x: jax.Array, **_: Any) -> jax.Array:
    # Near zero, e^x - 1 = t (e^x + 1) with t = tanh(x / 2), which loses nothing.
    return jnp.where(jnp.abs(x) < 1.0, jnp.tanh(0.5 * x) * (jnp.exp(jnp.minimum(x, 1.0)) + 1.0), jnp.exp(x) - 1.0)


def _power(x: jax.Array, y: int) -> jax.Array:
    if y < 0:
        return 1.0 / _power(x, -y)
    if y == 0:
        return jnp.ones_like(x)
    half = _power(x, y // 2) if y > 1 else None
    square = x if half is None else half * half
    return square * x if y > 1 and y % 2 else square


def _sign(x: jax.Array) -> jax.Array:
    return jnp.where(x > 0, 1.0, jnp.where(x < 0, -1.0, x))  # zero and NaN stay what they are


RULES: dict[str, Callable[..., Any]] = {
    "add_any": lambda a, b: a + b,
    "copy": lambda x: x,
    "copy_p": lambda x: x,
    "square": lambda x: x * x,
    "one_minus_square": lambda x: 1.0 - x * x,
    "integer_pow": _power,
    "logistic": lambda x, **_: 0.5 * jnp.tanh(0.5 * x) + 0.5,
    "log1p": _log1p,
    "expm1": _expm1,
    "sign": _sign,
    "clamp": lambda low, x, high: jnp.minimum(jnp.maximum(x, low), high),
    "is_finite": lambda x: jnp.abs(x) < jnp.inf,
    "sinh": lambda x, **_: 0.5 * (jnp.exp(x) - jnp.exp(-x)),
    "cosh": lambda x, **_: 0.5 * (jnp.exp(x) + jnp.exp(-x)),
    "pow": lambda x, y: jnp.exp(y * jnp.log(x)),
    "reduce_precision": lambda x, **_: x,
}
"""What stands in the place of a primitive."""


def substituted(function: Callable) -> Callable:
    """Returns the function made of the primitives that the kernel language has."""

    def substituted(*arguments):
        flat, treedef = jax.tree.flatten(arguments)
        closed, shapes = jax.make_jaxpr(lambda *flat: function(*treedef.unflatten(flat)), return_shape=True)(*flat)
        outputs = evaluation.evaluate(closed, flat, RULES)
        shaped, treedef = jax.tree.flatten(shapes)
        # A derivative that is zero everywhere comes as one number.
        whole = [a if jnp.shape(a) == s.shape else jnp.full(s.shape, a) for a, s in zip(outputs, shaped, strict=True)]
        return treedef.unflatten(whole)

    return substituted
