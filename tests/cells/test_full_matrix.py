"""Every cell and wrapper through everything that is derived from a cell; slow, for `make test-all`.

Executors have a matrix of their own, `tests/engine/test_every_executor.py`.
"""

import flax.linen
import jax
import jax.numpy as jnp
import jax.test_util
import numpy as np
import pytest
from flax import nnx

import recurrax.linen
import recurrax.nnx
from recurrax import catalogue, cells, gradflow, unroll, wrappers
from recurrax._util import naming
from recurrax._util.float_leaves import float_leaves, float_merger
from recurrax.cell import Cell
from recurrax.parameters import to_dict
from tests.cells.cases import FIRST, INPUT_SIZE, close, draw, every_variant, flags, label, named
from tests.gradflow import references

pytestmark = pytest.mark.slow


def batch_major(tree):
    return jax.tree.map(lambda a: jnp.swapaxes(a, 0, 1), tree)


@every_variant
def test_derivatives_to_second_order(x64, case):
    point = draw(case, 3, (2,))
    mask, resets = np.array([[1, 1], [0, 1], [1, 1]], bool), np.array([[0, 0], [1, 0], [0, 1]], bool)
    merge = float_merger(point)

    def run(floats):
        return float_leaves(unroll(case.cell, *merge(floats), mask=mask, resets=resets))

    for mode in ("fwd", "rev"):
        jax.test_util.check_grads(
            jax.jit(run), (float_leaves(point),), order=2, modes=(mode,), atol=1e-5, rtol=1e-5, eps=1e-5
        )


@every_variant
def test_the_flax_layers_compute_what_unroll_does(case):
    params, xs, _ = draw(case, 6, (2,))
    mask = flags(0.7, (6, 2), 1)
    final, ys = unroll(case.cell, params, xs, mask=mask)
    given = {"mask": mask.T, "return_carry": True}
    linen = recurrax.linen.RNN(case.cell)
    carry, outputs = linen.apply({"params": to_dict(params)}, batch_major(xs), **given)
    close((carry, outputs), (final, batch_major(ys)), rtol=1e-6, atol=1e-6)
    layer = recurrax.nnx.RNN(case.cell, INPUT_SIZE, rngs=nnx.Rngs(0))
    nnx.update(layer, nnx.State(jax.tree.map(nnx.Param, to_dict(params))))
    close(tuple(layer(batch_major(xs), **given)), (final, batch_major(ys)), rtol=1e-6, atol=1e-6)
    assert isinstance(linen, flax.linen.Module)


@every_variant
def test_gradient_norms_are_those_of_zeros_added_to_the_states(x64, case):
    params, xs, carry = draw(case, 5, (2,))
    mask, resets = flags(0.8, (5, 2), 1), flags(0.2, (5, 2), 2)

    def loss(ys, carry):
        return jnp.sum(jnp.sin(ys)) + sum(jnp.sum(jnp.cos(leaf.real)) for leaf in float_leaves(carry))

    got = gradflow.gradient_norms(gradflow.trajectory(case.cell, params, xs, carry, mask=mask, resets=resets), loss)
    expected, _ = references.probe_log_norms(case.cell, params, xs, loss, carry, mask=mask, resets=resets)
    np.testing.assert_allclose(got.joint, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("case", FIRST, ids=[label(case.cell) for case in FIRST])
def test_norms_in_float32_are_those_of_float64_where_units_saturate(x64, case):
    params, xs, _ = draw(case, 4, (16,))

    def loss(ys, carry):
        return sum(jnp.sum(leaf.real) for leaf in float_leaves((ys, carry)))

    def norms(real, complex_):
        def cast(a, scale):
            if jnp.iscomplexobj(a):
                return a.astype(complex_)
            return (scale * a.astype(jnp.float32)).astype(real) if jnp.issubdtype(a.dtype, jnp.floating) else a

        arguments = jax.tree.map(lambda a: cast(jnp.asarray(a), 8), params), jax.tree.map(lambda a: cast(a, 1), xs)
        return gradflow.gradient_norms(gradflow.trajectory(case.cell, *arguments), loss).joint

    with named(case):
        got, expected = norms(jnp.float32, jnp.complex64), norms(jnp.float64, jnp.complex128)
        np.testing.assert_allclose(got, expected, rtol=0, atol=5e-4)


@every_variant
def test_lyapunov_exponents_are_rates_largest_first(x64, case):
    params, xs, _ = draw(case, 30)
    spectrum = gradflow.lyapunov_spectrum(gradflow.trajectory(case.cell, params, xs))
    assert not jnp.isnan(spectrum).any() and (spectrum[1:] <= spectrum[:-1] + 1e-9).all()


@every_variant
def test_the_name_in_a_config_leads_to_the_class(case):
    name = type(case.cell).__name__.lower()
    assert naming.lookup(name, catalogue.units((cells, wrappers), Cell), "cell") is type(case.cell)
