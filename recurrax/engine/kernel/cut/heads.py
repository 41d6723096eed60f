"""Into which heads a product parts the units, and its weight head by head, whatever bilinear operation it is.

A head is a group of units that hear each other through the weights and nobody else. A dense matrix has one head, a
block-diagonal one a head per block.
"""

import jax
import jax.numpy as jnp
import numpy as np

from recurrax.engine.kernel.cut.evaluation import NotElementwiseError
from recurrax.engine.products import Product


def is_matrix(product: Product) -> bool:
    """Whether a product is that of a vector and a matrix."""
    return product.op is jnp.dot and product.weight.ndim == 2


def weight_by_head(product: Product, weight: jax.Array, units: int, heads: int) -> jax.Array:
    """Returns the weight of a product as `[heads, gates, H / heads (to), H / heads (from)]`."""
    size = units // heads
    if is_matrix(product) and heads == 1:
        return jnp.transpose(weight.reshape(units, -1, units), (1, 2, 0))[None]
    # If the same unit of every head is one, the results are a row of every head, side by side.
    ones = jnp.tile(jnp.eye(size, dtype=weight.dtype), (1, heads)).reshape(size, *product.operand.shape)
    with jax.default_matmul_precision("highest"):
        rows = product.op(ones, weight).reshape(size, -1)
    order = output_order(product, rows.shape[1], units, heads)
    return jnp.moveaxis(rows[:, order].reshape(size, -1, heads, size), (0, 1, 2, 3), (3, 1, 0, 2))


def _pattern(product: Product, units: int) -> np.ndarray:
    """Returns which unit reaches which number of a product, `[H, N]`."""
    with jax.ensure_compile_time_eval():
        ones = jnp.eye(units).reshape(units, *product.operand.shape)
        return np.asarray(product.op(ones, jnp.ones(product.weight.shape))).reshape(units, -1) != 0


def head_count(product: Product, units: int) -> int:
    """Returns into how many heads a product parts the units."""
    if product.operand.size != units:
        raise NotElementwiseError("a product takes more or fewer numbers than there are units")
    if is_matrix(product):
        return 1
    pattern = _pattern(product, units)
    if pattern.shape[1] % units:
        raise NotElementwiseError("a product gives a number of results that is no multiple of its units")
    first = pattern.argmax(0)
    for heads in sorted((n for n in range(1, units + 1) if units % n == 0), reverse=True):
        size = units // heads
        head = first // size
        inside = np.arange(units)[:, None] // size == head[None]
        if not (pattern & ~inside).any() and np.all(np.bincount(head, minlength=heads) == pattern.shape[1] // heads):
            return heads
    return 1


def output_order(product: Product, outputs: int, units: int, heads: int) -> np.ndarray:
    """Returns the positions of a product's results by gate, and within a gate by unit: `[G * H]`."""
    if is_matrix(product) or heads == 1:
        return np.arange(outputs)
    size = units // heads
    head = _pattern(product, units).argmax(0) // size
    by_head = np.argsort(head, kind="stable").reshape(heads, -1, size)
    return np.moveaxis(by_head, 0, 1).reshape(-1)
