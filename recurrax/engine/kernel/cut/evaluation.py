"""Elementwise code that was traced at one shape, run at another."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from recurrax.engine.jaxprs import inner_jaxprs
from recurrax.engine.primitives import CALLS, ELEMENTWISE


class NotElementwiseError(Exception):
    """A step that cannot be cut; the message says why, as the end of a sentence."""


def function_of(equation: Any) -> Callable[..., list]:
    """Returns an equation as a function of its inputs other than literals, at the shapes that it was traced at."""
    variables = list(dict.fromkeys(v for v in equation.invars if not isinstance(v, core.Literal)))
    origin = core.DebugInfo(
        "jit", equation.primitive.name, arg_names=("",) * len(variables), result_paths=("",) * len(equation.outvars)
    )
    jaxpr = core.Jaxpr([], variables, equation.outvars, [equation], debug_info=origin)
    call = core.jaxpr_as_fun(core.ClosedJaxpr(jaxpr, ()))

    def function(*inputs):
        given = iter(inputs)
        values: dict[Any, Any] = {}
        for variable in equation.invars:
            if not isinstance(variable, core.Literal):
                values.setdefault(variable, next(given))
        return call(*(values[v] for v in variables))

    return function


def elementwise_only(jaxpr: Any) -> str | None:
    """Returns the name of a primitive that is not elementwise; None where all are."""
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        if name in CALLS or name == "custom_jvp_call":
            found = elementwise_only(inner_jaxprs(equation)[0].jaxpr)
            if found is not None:
                return found
        elif name == "broadcast_in_dim" and equation.invars[0].aval.shape == ():
            continue
        elif name not in ELEMENTWISE:
            return name
    return None


def applied(equation: Any, *inputs: Any) -> Any:
    """Applies the primitive of an elementwise equation to arrays of any one shape, scalars among them."""
    if equation.primitive.name == "select_n":  # the one that wants cases of one shape, and not scalars
        shape = np.broadcast_shapes(*map(np.shape, inputs))
        inputs = (inputs[0], *(a if np.shape(a) == shape else jnp.full(shape, a) for a in inputs[1:]))
    return equation.primitive.bind(*inputs, **equation.params)


def evaluate(closed: Any, arguments: Sequence[Any], rules: Mapping[str, Callable] | None = None) -> list:
    """Evaluates elementwise code on arrays of any one shape, scalars among them.

    Args:
      closed: a closed jaxpr in which `elementwise_only` finds nothing.
      arguments: its inputs.
      rules: functions `(*inputs, **parameters) -> output` in the place of primitives, by name. With rules the result
        is not to be differentiated: derivatives that functions have of their own are lost.
    """
    environment = dict(zip(closed.jaxpr.constvars, closed.consts, strict=True))
    environment.update(zip(closed.jaxpr.invars, arguments, strict=True))

    def read(variable):
        return variable.val if isinstance(variable, core.Literal) else environment[variable]

    for equation in closed.jaxpr.eqns:
        inputs = [read(v) for v in equation.invars]
        name = equation.primitive.name
        if name in CALLS or (name == "custom_jvp_call" and rules is not None):
            outputs = evaluate(inner_jaxprs(equation)[0], inputs, rules)
        elif name == "custom_jvp_call":
            outputs = with_own_derivative(equation)(*inputs)
        elif name == "broadcast_in_dim":  # of a scalar, which goes with any shape
            outputs = inputs[:1]
        elif rules is not None and name in rules:
            outputs = [rules[name](*inputs, **equation.params)]
        else:
            outputs = [applied(equation, *inputs)]
        environment.update(zip(equation.outvars, outputs, strict=True))
    return [read(v) for v in closed.jaxpr.outvars]


def with_own_derivative(equation: Any) -> Callable[..., list]:
    """Returns a call of a `jax.custom_jvp` function as a function for any shape, with the derivative that it has."""
    shapes = [jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype) for v in equation.invars]
    positions = [n for n, v in enumerate(equation.invars) if not isinstance(v, core.Literal)]
    free = [shapes[n] for n in positions]
    call = function_of(equation)
    tangent = jax.make_jaxpr(lambda primals, tangents: jax.jvp(call, primals, tangents)[1])(tuple(free), tuple(free))

    @jax.custom_jvp
    def at_any_shape(*inputs):
        return evaluate(inner_jaxprs(equation)[0], inputs)

    @at_any_shape.defjvp
    def _(primals, tangents):
        outputs = at_any_shape(*primals)
        d_outputs = evaluate(tangent, [primals[n] for n in positions] + [tangents[n] for n in positions])
        return outputs, [jnp.broadcast_to(d, y.shape) for d, y in zip(d_outputs, outputs, strict=True)]

    return at_any_shape
