"""How a traced function is read: its equations one by one, and what depends on what."""

import dataclasses
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

import jax
from jax.extend import core

Labels = frozenset[Hashable]
"""The inputs that a number depends on, by whatever name they were given."""
Visit = Callable[[Any, list[Labels]], None]
"""`(equation, labels of its inputs)`."""


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Static:
    """Something that is no array and that a traced function returns beside its arrays: functions, names, a treedef.

    JAX hands it on as a part of the structure of the results.

    >>> shape, beside = jax.eval_shape(lambda x: (x + 1, Static("no array")), 1.0)
    >>> beside.value
    'no array'
    """

    value: Any

    def __hash__(self) -> int:
        return hash(Static)  # JAX may ask for it, and values may have none


def inner_jaxprs(equation: Any) -> list[Any]:
    """Returns the jaxprs among the parameters of an equation, closed."""
    values = [v for p in equation.params.values() for v in (p if isinstance(p, tuple | list) else (p,))]
    return [closed(value) for value in values if hasattr(value, "eqns")]


def closed(jaxpr: Any) -> Any:
    """Returns a jaxpr that may be open, and then has no constants, as a closed one."""
    return jaxpr if hasattr(jaxpr, "consts") else core.ClosedJaxpr(jaxpr, ())


def equations(jaxpr: Any) -> Iterator[Any]:
    """Returns all equations of a jaxpr, each followed by those of the jaxprs that it calls."""
    for equation in jaxpr.eqns:
        yield equation
        for inner in inner_jaxprs(equation):
            yield from equations(inner.jaxpr)


def dependence(jaxpr: Any, labels: Sequence[Labels], visit: Visit | None = None) -> list[Labels]:
    """Follows what the numbers of a jaxpr depend on, through calls, loops and branches.

    Args:
      jaxpr: an open jaxpr.
      labels: of its inputs.
      visit: is told of every equation, and of those that it calls.

    Returns:
      The labels of the outputs.
    """
    known: dict[Any, Labels] = dict(zip(jaxpr.invars, labels, strict=True))

    def read(variable: Any) -> Labels:
        return frozenset() if isinstance(variable, core.Literal) else known.get(variable, frozenset())

    for equation in jaxpr.eqns:
        given = [read(v) for v in equation.invars]
        if visit is not None:
            visit(equation, given)
        known.update(zip(equation.outvars, _through(equation, given, visit), strict=True))
    return [read(v) for v in jaxpr.outvars]


def _through(equation: Any, given: list[Labels], visit: Visit | None) -> list[Labels]:
    """Returns the labels of an equation's outputs."""
    name, inner = equation.primitive.name, [closed.jaxpr for closed in inner_jaxprs(equation)]
    if name == "scan":
        carried = sum(map(_same_shape, equation.outvars, inner[0].outvars))
        read = len(given) - sum(map(_same_shape, equation.invars, inner[0].invars))
        return _loop(inner[0], given, len(given) - carried - read, carried, visit)
    if name == "while":
        of_condition = equation.params["cond_nconsts"]
        constants = equation.params["body_nconsts"]
        condition, body = (equation.params[key].jaxpr for key in ("cond_jaxpr", "body_jaxpr"))
        carry = _loop(body, given[of_condition:], constants, len(equation.outvars), visit)
        turns = dependence(condition, [*given[:of_condition], *carry], visit)[0]
        return [of_carry | turns for of_carry in carry]
    if name == "cond":
        branches = [dependence(branch, given[1:], visit) for branch in inner]
        return [given[0].union(*of_output) for of_output in zip(*branches, strict=True)]
    if len(inner) == 1 and len(inner[0].invars) == len(given):
        return dependence(inner[0], given, visit)
    everything: Labels = frozenset().union(*given)
    for jaxpr in inner:
        dependence(jaxpr, [everything] * len(jaxpr.invars), visit)
    return [everything] * len(equation.outvars)


def _same_shape(outside: Any, inside: Any) -> bool:
    return outside.aval.shape == inside.aval.shape


def _loop(body: Any, given: list[Labels], constants: int, carried: int, visit: Visit | None) -> list[Labels]:
    """Returns the labels of a loop's outputs; `body` takes constants, the carry and what is read at every turn."""
    before, carry, after = given[:constants], given[constants : constants + carried], given[constants + carried :]
    while True:
        new = dependence(body, [*before, *carry, *after])[:carried]
        more = [a | b for a, b in zip(carry, new, strict=True)]
        if more == carry:
            break
        carry = more
    outputs = dependence(body, [*before, *carry, *after], visit)
    return [*carry, *outputs[carried:]]
