"""Saturated gates and large inputs: every cell is finite wherever float64 says that the dtype can hold the number.

Eight steps of inputs up to 10,000, with and without biases of +-120. Cells whose state is bounded by themselves are held
number by number. The state of the others grows with the input: they are held where all that they compute fits the dtype.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import unroll
from recurrax._util.float_leaves import float_leaves
from tests.cells.cases import FIRST, draw, named

STEPS, BATCH = 8, (2,)
DTYPES = (jnp.float16, jnp.bfloat16, jnp.float32, jnp.float64)
PROPORTIONAL = frozenset(
    (
        *("ExpRNN", "IndRNN", "IRNN", "LiGRU", "UnitaryRNN"),  # rectified
        *("LMU", "LRU", "MLSTM", "NRU", "RGLRU", "S5", "SRU", "UnICORNN", "SCRN", "MinGRU"),  # linear in their inputs
    )
)
"""Cells whose state is as large as their inputs make it."""
CASES = {type(case.cell).__name__: case for case in FIRST if type(case.cell).__module__.startswith("recurrax.cells.")}
QUICK = ("LSTM", "MLSTM", "NRU", "RGLRU", "SLSTM")
"""Those that once overflowed, and one that many use."""
OF_GATES = {"MLSTM": ("b_if",)}
"""Where not all biases are those of gates: which ones are."""


def cast(tree, dtype):
    """Casts floats; complex numbers to the dtype that goes with it."""
    pair = jnp.complex128 if dtype == jnp.float64 else jnp.complex64

    def cast_leaf(a):
        if not jnp.issubdtype(a.dtype, jnp.inexact):
            return a
        return a.astype(pair if jnp.iscomplexobj(a) else dtype)

    return jax.tree.map(cast_leaf, tree)


@functools.partial(jax.jit, static_argnums=0)
def everything(cell, params, xs):
    """Returns the final carry, the outputs, and the gradients by parameters and inputs."""

    def loss(params, xs):
        carry, ys = unroll(cell, params, xs, executor="scan")
        return jnp.sum(jnp.cos(jnp.arange(ys.size)).reshape(ys.shape).astype(ys.dtype) * ys), (carry, ys)

    (_, states), gradients = jax.value_and_grad(loss, (0, 1), has_aux=True, allow_int=True)(params, xs)
    return float_leaves(states), float_leaves(gradients)


def hold(case, dtype):
    params, xs, _ = draw(case, STEPS, BATCH, jnp.float64)
    rng = np.random.default_rng(1)
    of_gates = OF_GATES.get(type(case.cell).__name__)
    limit, eps = float(jnp.finfo(dtype).max), float(jnp.finfo(dtype).eps)

    def biased(path, a, bias):
        name = getattr(path[-1], "name", "")
        is_bias = name in of_gates if of_gates else name.startswith("b")
        real = jnp.issubdtype(a.dtype, jnp.floating)
        return a + bias * rng.choice([-1.0, 1.0], a.shape) if is_bias and real else a

    for bias in (0.0, 120.0):
        with_biases = jax.tree_util.tree_map_with_path(functools.partial(biased, bias=bias), params)
        for scale in (0.0, 1.0, 120.0, 1e4):
            leaves, treedef = jax.tree.flatten(xs)
            point = cast((with_biases, treedef.unflatten([scale * leaves[0], *leaves[1:]])), dtype)
            got, right = (everything(case.cell, *cast(point, d)) for d in (dtype, jnp.float64))
            largest = max(np.max(np.abs(a), initial=0) for a in jax.tree.leaves(right))
            if type(case.cell).__name__ in PROPORTIONAL and largest > limit / 16:
                continue
            # What an argument of a gate is rounded by changes the gate and its derivative by as much.
            tolerance = 256 * eps * (1 + max(bias, 3 * scale))
            for kind, floor in ((0, 1e-2), (1, 1.0)):
                for a, b in zip(got[kind], right[kind], strict=True):
                    size = np.max(np.abs(b), initial=0)
                    if size < limit / 4:
                        error = np.max(np.abs(np.asarray(a, b.dtype) - b), initial=0)
                        assert error <= tolerance * max(size, floor), (bias, scale, error, size, tolerance)


def of_dtypes(dtypes, names, marks=()):
    return [
        pytest.param(CASES[name], dtype, id=f"{name}-{dtype.__name__}", marks=marks)
        for name in names
        for dtype in dtypes
    ]


@pytest.mark.parametrize(
    ("case", "dtype"),
    [
        *of_dtypes((jnp.float16,), QUICK),
        *of_dtypes((jnp.float32,), ("MLSTM", "SLSTM")),
        *of_dtypes(DTYPES, CASES, pytest.mark.slow),
    ],
)
def test_saturated_gates_and_large_inputs_give_what_float64_gives(x64, case, dtype):
    with named(case):
        hold(case, dtype)
