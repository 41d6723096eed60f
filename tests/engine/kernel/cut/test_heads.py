import jax
import jax.numpy as jnp
import numpy as np

from recurrax.engine.kernel.cut.heads import weight_by_head
from recurrax.engine.products import Product


def test_blocks_of_a_dense_and_of_a_block_diagonal_weight():
    units, gates = 4, 3
    weight = jnp.arange(float(units * gates * units)).reshape(units, gates * units)
    operand = jax.ShapeDtypeStruct((units,), jnp.float32)
    dense = weight_by_head(Product(operand, weight, jnp.dot), weight, units, 1)
    x = jnp.arange(1.0, 5.0)
    np.testing.assert_allclose(jnp.einsum("hgij,j->gi", dense, x).ravel(), x @ weight)

    def by_head(x, blocks):
        return jnp.einsum("...hi,hij->...hj", x.reshape(*x.shape[:-1], 2, 2), blocks).reshape(*x.shape[:-1], -1)

    blocks = jnp.arange(24.0).reshape(2, 2, 6)
    got = weight_by_head(Product(operand, blocks, by_head), blocks, units, 2)
    expected = by_head(x, blocks).reshape(2, 3, 2)  # head, gate, unit of the head
    np.testing.assert_allclose(jnp.einsum("hgij,hj->hgi", got, x.reshape(2, 2)), expected)
