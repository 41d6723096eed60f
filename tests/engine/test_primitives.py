"""The tables know every elementwise primitive of the JAX that is installed."""

import functools
import warnings

import jax
import jax.numpy as jnp
import pytest

from recurrax.engine.jaxprs import equations
from recurrax.engine.kernel.hopper.substitution import RULES
from recurrax.engine.primitives import (
    CALLS,
    CHEAP_ELEMENTWISE,
    COSTLY_ELEMENTWISE,
    ELEMENTWISE,
    LEFT_OUT,
    MOVES,
    PRODUCTS,
)

SHAPE = (3, 2)
ARGUMENTS = (
    lambda x: (x,),
    lambda x: (x, x),
    lambda x: (x, x, x),
    lambda x: (x, jnp.int32),
    lambda x: (x, 5, 10),
    lambda x: (x, [x, x]),
)
"""What functions of `jax.lax` are called with."""


def is_elementwise(equation):
    """Whether an equation is the same one, once, whichever axis of its arguments is mapped over."""
    arrays = [v.aval for v in (*equation.invars, *equation.outvars)]
    if not equation.invars or any(getattr(a, "shape", None) != SHAPE for a in arrays):
        return False
    longer = [jax.ShapeDtypeStruct((*SHAPE, 5), v.aval.dtype) for v in equation.invars]

    def apply(*arguments):
        return equation.primitive.bind(*arguments, **equation.params)

    for axis in range(len(SHAPE) + 1):
        mapped = jax.make_jaxpr(jax.vmap(apply, axis, axis))(*longer).eqns
        if [(e.primitive, str(e.params)) for e in mapped] != [(equation.primitive, str(equation.params))]:
            return False
    return True


@functools.cache
def elementwise_of_jax():
    """Calls every function of `jax.lax`; returns the names of the elementwise primitives that are met in them."""
    functions = [f for name, f in vars(jax.lax).items() if not name.startswith("_") and callable(f)]
    functions += [lambda x: jax.vjp(lambda x: x * x, x)[1](x), jnp.copy]
    met, found = set(), set()
    for function in functions:
        for dtype in (jnp.float32, jnp.int32, jnp.complex64):
            x = jnp.ones(SHAPE, dtype)
            for arguments in ARGUMENTS:
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        jaxpr = jax.make_jaxpr(lambda x: function(*arguments(x)))(x).jaxpr
                except Exception:  # takes other arguments: whatever its error, there is nothing to be seen
                    continue
                for equation in equations(jaxpr):
                    name, this = equation.primitive.name, (equation.primitive, str(equation.params))
                    if name not in found and this not in met:
                        met.add(this)
                        found.update([name] if _can_be_mapped(equation) else [])
    return found


def _can_be_mapped(equation):
    try:
        return is_elementwise(equation)
    except Exception:  # has no rule for vmap, or cannot be bound by itself
        return False


def test_every_elementwise_primitive_of_jax_stands_in_a_table():
    unknown = elementwise_of_jax() - ELEMENTWISE - set(LEFT_OUT) - MOVES - CALLS
    assert not unknown, f"place {sorted(unknown)} in recurrax/engine/primitives.py, or leave them out with a reason"


def test_the_search_finds_what_a_step_is_made_of():
    """So that the test above does not pass because it finds nothing."""
    assert len(elementwise_of_jax() & ELEMENTWISE) >= 60
    common = {"add", "mul", "tanh", "logistic", "exp", "select_n", "clamp", "integer_pow", "convert_element_type"}
    assert common <= elementwise_of_jax()


@pytest.mark.parametrize(
    "mixing", [jnp.cumsum, jnp.sort, jnp.flip, jnp.transpose, lambda x: jax.lax.fft(x, "FFT", (2,))]
)
def test_what_mixes_numbers_is_not_taken_for_elementwise(mixing):
    jaxpr = jax.make_jaxpr(mixing)(jnp.ones(SHAPE, jnp.complex64)).jaxpr
    assert not {e.primitive.name for e in equations(jaxpr) if _can_be_mapped(e)} - {"lt", "add", "select_n"}


@pytest.mark.parametrize("call", [jax.jit, jax.checkpoint])
def test_calls_of_jax_are_known(call):
    jaxpr = jax.make_jaxpr(call(jnp.sin))(1.0).jaxpr
    assert {e.primitive.name for e in jaxpr.eqns} <= CALLS


def test_a_primitive_stands_in_one_table():
    tables = (CHEAP_ELEMENTWISE, COSTLY_ELEMENTWISE, frozenset(LEFT_OUT), MOVES, CALLS, PRODUCTS)
    assert sum(map(len, tables)) == len(frozenset.union(*tables))


def test_what_a_gpu_is_given_another_code_for_is_elementwise():
    assert set(RULES) <= ELEMENTWISE
