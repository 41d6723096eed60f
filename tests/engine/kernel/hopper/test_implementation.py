"""Both kernels are lowered for a GPU, which needs none: it finds what Mosaic refuses, in types, layouts and calls.

So it tests the tiles, the blocks of threads and the assembly that they are made of.
"""

import jax
import jax.numpy as jnp
import pytest

from recurrax import GRU, LSTM, RNN
from recurrax.cells.indrnn import IndRNN
from recurrax.cells.janet import JANET
from recurrax.cells.min_gru import MinGRU
from recurrax.cells.minimal_rnn import MinimalRNN
from recurrax.cells.peephole_lstm import PeepholeLSTM
from recurrax.cells.slstm import SLSTM
from recurrax.engine.kernel.cut.elementwise_step import elementwise_step
from recurrax.engine.kernel.hopper.implementation import FIRST_JAX, Hopper
from recurrax.engine.kernel.problem import workload_of
from recurrax.engine.make_run import make_run
from tests.cells.cases import FIRST, draw, label

needs_mosaic = pytest.mark.skipif(
    jax.__version_info__ < FIRST_JAX, reason=f"Mosaic of jax {jax.__version__} takes no such kernel, and none is used"
)


def lowered(cell, width=64, batch=16, dtype="bfloat16", steps=16, flags=False):
    """Returns the plan and the texts of both kernels."""
    found = []

    def trace(params, xs, mask):
        run = make_run(cell, params, xs, mask=mask, resets=mask)
        step = elementwise_step(run)
        workload = workload_of(step, run)
        assert Hopper().refusal(step, workload) is None
        found.extend((Hopper().plan(workload), Hopper().lower(step, workload)))

    params = jax.eval_shape(lambda: jax.tree.map(lambda a: a.astype(dtype), cell.init(jax.random.key(0), width)))
    mask = jax.ShapeDtypeStruct((steps, batch), bool) if flags else None
    jax.eval_shape(trace, params, jax.ShapeDtypeStruct((steps, batch, width), dtype), mask)
    return found


@needs_mosaic
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
@pytest.mark.parametrize(
    "cell",
    [
        *(RNN(128), LSTM(128), PeepholeLSTM(128), GRU(128), GRU(128, reset="after"), JANET(128), MinimalRNN(128)),
        *(IndRNN(128), MinGRU(128), SLSTM(256, num_heads=4)),
    ],
    ids=label,
)
def test_cells_and_dtypes(cell, dtype):
    plan, texts = lowered(cell, dtype=dtype, flags=True)
    assert plan.route == ("cluster" if plan.forward.shared_bytes else "none")
    assert all("mosaic_gpu" in text for text in texts)


@needs_mosaic
@pytest.mark.parametrize(
    ("cell", "route"),
    [
        (LSTM(20), "none"),
        (LSTM(512), "cluster"),
        (LSTM(768), "grid"),
        (GRU(768), "grid"),
        (RNN(768), "cluster"),
        (RNN(1536), "grid"),
    ],
    ids=lambda value: value if isinstance(value, str) else label(value),
)
def test_plans(cell, route):
    plan, _ = lowered(cell, batch=16)
    assert plan.route == route


@needs_mosaic
@pytest.mark.parametrize(("batch", "steps"), [(1, 1), (13, 7), (200, 3)])
def test_batches_and_lengths(batch, steps):
    lowered(LSTM(64), batch=batch, steps=steps)


@needs_mosaic
@pytest.mark.slow
@pytest.mark.parametrize("case", FIRST, ids=lambda case: label(case.cell))
def test_every_cell_that_can_be_cut(case):
    params, xs, carry = draw(case, 4, (8,), jnp.float32)
    if case.cell.layers:
        return
    run = make_run(case.cell, params, xs, carry)
    from recurrax.engine.kernel.executor import Kernel
    from recurrax.engine.kernel.reference import Reference

    if Kernel(Reference()).refusal(run) is None:
        step = elementwise_step(run)
        workload = workload_of(step, run)
        assert Hopper().refusal(step, workload) is None


def test_what_is_not_there_is_said():
    assert Hopper().unavailable()
    cell = LSTM(4)
    run = make_run(cell, cell.init(jax.random.key(0), 3), jnp.ones((4, 2, 3)))
    step = elementwise_step(run)
    workload = workload_of(step, run)
    assert "not float64" in Hopper().refusal(step, workload._replace(dtype=jnp.dtype("float64")))
    with jax.default_matmul_precision("highest"):
        assert "'highest'" in Hopper().refusal(step, workload)
