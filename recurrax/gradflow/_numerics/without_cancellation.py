"""Derivatives of saturating functions that stay accurate far into saturation.

JAX differentiates tanh as 1 - y^2 and the logistic function s as y (1 - y). In float32 the first is off by 1e-3 at an
argument of 5 and zero from 9 on, and 1 - z, the direct path through a gated cell, suffers likewise. Here a function is
traced, and computed with

    tanh'(x) = 4 e / (1 + e)^2, e = exp(-2 |x|)         s'(x) = s(x) s(-x)                  expm1'(x) = exp(x)
    1 - s(x) = s(-x)            1 - exp(x) = -expm1(x)  1 -+ tanh(x) = 2 s(-+ 2 x)          1 - v^2 = (1 - v) (1 + v)

wherever it does so, also beyond shapes, dtypes, branches, loops and `jit`. So derivatives of what is built on these
functions (silu, gelu, mish, elu, glu) are accurate too: to a few units in the last place times 1 + |x|, down to where
the dtype underflows, in float32 at |x| = 44 for tanh and 88 for s.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jax.extend import core

from recurrax._util.float_leaves import float_leaves, float_merger, is_float
from recurrax.engine.jaxprs import closed, equations, inner_jaxprs
from recurrax.engine.kernel.cut.evaluation import function_of
from recurrax.engine.primitives import CALLS, CANCELLING, LOOPS_AND_BRANCHES, MOVES

F = TypeVar("F", bound=Callable)


def without_cancellation(function: F) -> F:
    """Returns the same function, whose derivatives of any order do not cancel where it saturates.

    Its values may differ in the last places, and are then the more accurate ones. A derivative of the function's own
    (`jax.custom_jvp`) is kept, and computed without cancellation too; one for reverse mode (`jax.custom_vjp`) is kept
    as it is.

    Args:
      function: of any number of pytrees of arrays; it is traced at every call.
    """

    @functools.wraps(function)
    def rewritten(*arguments):
        traced, shapes = jax.make_jaxpr(function, return_shape=True)(*arguments)
        return jax.tree.unflatten(jax.tree.structure(shapes), _arrays_of(traced, jax.tree.leaves(arguments)))

    return rewritten  # pyright: ignore[reportReturnType]


def _with_slope(function: Callable, slope: Callable) -> Callable:
    """Returns a function of one array, elementwise, whose derivative at x with value y is `slope(x, y)`."""
    sloped = jax.custom_jvp(function)

    @sloped.defjvp
    def _(primals, tangents):
        (x,), (dx,) = primals, tangents
        y = sloped(x)
        return y, dx * slope(x, y)

    return sloped


def _fading(x: jax.Array) -> jax.Array:
    fade = jnp.exp(-2 * jnp.abs(x))
    return 4 * fade / jnp.square(1 + fade)


_tanh = _with_slope(jax.lax.tanh, lambda x, _: _sech_squared(x))
_sech_squared = _with_slope(_fading, lambda x, y: -2 * _tanh(x) * y)
_logistic = _with_slope(jax.lax.logistic, lambda x, y: y * _logistic(-x))
_expm1 = _with_slope(jax.lax.expm1, lambda x, _: jnp.exp(x))


@jax.custom_jvp
def _valued(derivative_of: jax.Array, value: jax.Array) -> jax.Array:
    """Returns `value`, whose derivatives are those of the other argument, which is the same but for rounding."""
    del derivative_of
    return value


@_valued.defjvp
def _valued_jvp(primals, tangents):
    return _valued(*primals), tangents[0]


class _Number(NamedTuple):
    """A value v of the function, with what computes 1 - v and 1 + v where these can be had without cancellation."""

    array: Any
    minus: Callable[[], jax.Array] | None = None
    plus: Callable[[], jax.Array] | None = None
    constant: float | None = None
    """What it is, where that is written into the function."""

    @property
    def below_one(self) -> jax.Array:
        """1 - v."""
        plain = 1 - self.array
        return plain if self.minus is None else _valued(plain, self.minus())

    @property
    def above_minus_one(self) -> jax.Array:
        """1 + v."""
        plain = 1 + self.array
        return plain if self.plus is None else _valued(plain, self.plus())


def _arrays_of(traced: Any, arrays: Sequence[Any]) -> list[Any]:
    return [number.array for number in _evaluated(traced, list(map(_Number, arrays)))]


def _evaluated(traced: Any, inputs: Sequence[_Number]) -> list[_Number]:
    """Returns the results of a closed jaxpr."""
    known: dict[Any, _Number] = dict(zip(traced.jaxpr.constvars, map(_Number, traced.consts), strict=True))
    known.update(zip(traced.jaxpr.invars, inputs, strict=True))

    def read(variable: Any) -> _Number:
        if not isinstance(variable, core.Literal):
            return known[variable]
        return _Number(variable.val, constant=float(variable.val) if _is_real(variable) else None)

    for equation in traced.jaxpr.eqns:
        results = _results(equation, [read(v) for v in equation.invars])
        known.update(zip(equation.outvars, results, strict=True))
    return [read(v) for v in traced.jaxpr.outvars]


def _is_real(variable: Any) -> bool:
    return jnp.issubdtype(variable.aval.dtype, jnp.floating)


def _results(equation: Any, given: list[_Number]) -> list[_Number]:
    name = equation.primitive.name
    if name in CALLS:
        return _evaluated(inner_jaxprs(equation)[0], given)
    if name in _RULES and _is_real(equation.outvars[0]):
        found = _RULES[name](*given, **equation.params)
        if found is not None:
            return [found]
    results = _bound(equation, [number.array for number in given])
    if (name in MOVES or name == "convert_element_type") and _is_real(equation.outvars[0]):
        return _moved(equation, given, results)
    return list(map(_Number, results))


def _of_tanh(x: _Number, **_: Any) -> _Number:
    a = x.array
    return _Number(_tanh(a), minus=lambda: 2 * _logistic(-2 * a), plus=lambda: 2 * _logistic(2 * a))


def _of_logistic(x: _Number, **_: Any) -> _Number:
    return _Number(_logistic(x.array), minus=lambda: _logistic(-x.array))


def _of_expm1(x: _Number, **_: Any) -> _Number:
    return _Number(_expm1(x.array), plus=lambda: jnp.exp(x.array))


def _of_exp(x: _Number, **_: Any) -> _Number:
    return _Number(jnp.exp(x.array), minus=lambda: -_expm1(x.array))


def _of_sub(a: _Number, b: _Number, **_: Any) -> _Number | None:
    if a.constant == 1:
        return _Number(b.below_one, minus=lambda: b.array)
    if b.constant == 1 and a.minus is not None:
        return _Number(-a.below_one, plus=lambda: a.array)
    return None


def _of_add(a: _Number, b: _Number, **_: Any) -> _Number | None:
    for one, other in ((a, b), (b, a)):
        if one.constant == 1 and other.plus is not None:
            return _Number(other.above_minus_one)
    return None


def _of_neg(x: _Number, **_: Any) -> _Number:
    return _Number(-x.array, minus=x.plus, plus=x.minus)


def _of_mul(a: _Number, b: _Number, **_: Any) -> _Number | None:
    c, v = (a.constant, b) if b.constant is None else (b.constant, a)
    if c is not None and 0 <= c <= 1 and v.minus is not None:
        return _Number(a.array * b.array, minus=lambda: (1 - c) + c * v.below_one)
    if a.minus is not None and b.minus is not None:
        return _Number(a.array * b.array, minus=lambda: a.below_one + a.array * b.below_one)
    return None


def _of_square(x: _Number, y: int = 2, **_: Any) -> _Number | None:
    if y != 2:
        return None
    return _Number(jnp.square(x.array), minus=lambda: x.below_one * x.above_minus_one)


_RULES: dict[str, Callable[..., _Number | None]] = {
    "tanh": _of_tanh,
    "logistic": _of_logistic,
    "expm1": _of_expm1,
    "exp": _of_exp,
    "sub": _of_sub,
    "add": _of_add,
    "neg": _of_neg,
    "mul": _of_mul,
    "square": _of_square,
    "integer_pow": _of_square,
}
"""What is done in the place of primitives, or nothing where a rule returns None."""


def _moved(equation: Any, given: list[_Number], results: list[Any]) -> list[_Number]:
    """Returns results that are the numbers given in another shape or dtype."""
    constant = given[0].constant if len(given) == 1 else None

    def moved(name: str, n: int) -> Callable[[], jax.Array] | None:
        if all(getattr(number, name) is None for number in given):
            return None
        side = "below_one" if name == "minus" else "above_minus_one"
        return lambda: _bound(equation, [getattr(number, side) for number in given])[n]

    return [_Number(result, moved("minus", n), moved("plus", n), constant) for n, result in enumerate(results)]


def _bound(equation: Any, arrays: list[Any]) -> list[Any]:
    """Returns the results of an equation, the functions that it calls rewritten."""
    primitive, params = equation.primitive, equation.params
    if primitive.name in ("custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr"):
        return _with_own_derivative(equation, arrays)
    if primitive.name in LOOPS_AND_BRANCHES and _cancels(equation):
        params = {name: _rewritten(value) for name, value in params.items()}
    results = primitive.bind(*arrays, **params)
    return list(results) if primitive.multiple_results else [results]


def _cancels(equation: Any) -> bool:
    """Whether something that an equation calls is done otherwise here."""
    return any(e.primitive.name in CANCELLING for inner in inner_jaxprs(equation) for e in equations(inner.jaxpr))


def _rewritten(value: Any) -> Any:
    """Returns a parameter of an equation, functions in it rewritten."""
    if isinstance(value, tuple):
        return tuple(map(_rewritten, value))
    if not hasattr(value, "eqns"):
        return value
    inputs = [jax.ShapeDtypeStruct(a.shape, a.dtype, weak_type=a.weak_type) for a in closed(value).in_avals]
    return jax.make_jaxpr(lambda *arrays: _arrays_of(closed(value), arrays))(*inputs)


def _with_own_derivative(equation: Any, arrays: list[Any]) -> list[Any]:
    """Returns the results of a function that has a derivative of its own, which is kept."""
    places = [n for n, variable in enumerate(equation.invars) if not isinstance(variable, core.Literal)]
    inputs, call = [arrays[n] for n in places], function_of(equation)
    forward = equation.primitive.name == "custom_jvp_call" and all(map(_is_real, equation.outvars))
    if not forward or not _cancels(equation):
        return call(*inputs)

    @jax.custom_jvp
    def apply(*inputs):
        given = list(arrays_or_literals)
        for n, a in zip(places, inputs, strict=True):
            given[n] = a
        return _arrays_of(inner_jaxprs(equation)[0], given)

    @apply.defjvp
    def _(primals, tangents):
        def pushed(primals, tangents):
            merge = float_merger(primals)
            return jax.jvp(lambda floats: call(*merge(floats)), (float_leaves(primals),), (tangents,))

        of_floats = [dx for x, dx in zip(primals, tangents, strict=True) if is_float(x)]
        return without_cancellation(pushed)(list(map(jnp.asarray, primals)), of_floats)

    arrays_or_literals = [v.val if isinstance(v, core.Literal) else None for v in equation.invars]
    return apply(*inputs)
