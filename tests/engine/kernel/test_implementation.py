"""An implementation chooses its layout, and nothing else changes."""

import jax
import jax.numpy as jnp
import pytest

from recurrax import GRU, unroll
from recurrax.cells.slstm import SLSTM
from recurrax.engine.kernel.executor import Kernel
from recurrax.engine.kernel.reference import Reference
from tests.engine.comparison import assert_close


@pytest.mark.parametrize("layout", [Reference(1, 1), Reference(5, 3), Reference(16, 32)], ids=str)
@pytest.mark.parametrize("cell", [GRU(5), SLSTM(4, num_heads=2)], ids=lambda cell: type(cell).__name__)
def test_values_and_gradients_are_the_same_in_every_layout(x64, cell, layout):
    params, xs = cell.init(jax.random.key(0), 2), jax.random.normal(jax.random.key(1), (6, 3, 2))

    def value(params, xs, executor):
        return jnp.sum(jnp.sin(unroll(cell, params, xs, executor=executor)[1]))

    got, expected = (jax.value_and_grad(value, (0, 1))(params, xs, e) for e in (Kernel(layout), "scan"))
    assert_close(got, expected, layout)
