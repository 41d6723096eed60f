"""Where a step does nothing with a product but to add it to its projected input.

The tangents of the two then need not enter the step one by one: their sum does, and in the backward scan one cotangent
is written where there would be two. An LSTM adds all four parts of its product, a GRU that resets after the product
two of three, a layer-norm LSTM none.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax


class Piece(NamedTuple):
    """A range along the last axis of a product."""

    begin: int
    end: int
    z: int | None
    """The float leaf of the projected input that it is added to, both being used for nothing else; None if there is
    none."""


def pieces(
    step: Callable[[list[jax.Array], list[jax.Array]], Any],
    z: list[jax.Array],
    products: list[jax.Array],
) -> list[list[Piece]]:
    """Returns the pieces of every product, as the step splits it.

    Args:
      step: `(z, products) -> all that is made of them`, of float leaves.
      z: the projected input of a step, or shapes.
      products: likewise of the products.
    """
    jaxpr = jax.make_jaxpr(step)(z, products).jaxpr
    uses: dict[int, list] = {}
    for equation in jaxpr.eqns:
        for variable in equation.invars:
            uses.setdefault(id(variable), []).append(equation)
    for variable in jaxpr.outvars:
        uses.setdefault(id(variable), []).append(None)

    def only_use(variable, primitive: str):
        found = uses.get(id(variable), [])
        return found[0] if len(found) == 1 and found[0] is not None and found[0].primitive.name == primitive else None

    leaf_of = {id(variable): n for n, variable in enumerate(jaxpr.invars[: len(z)])}

    def added_to(part) -> int | None:
        addition = only_use(part, "add")
        if addition is None:
            return None
        for other in addition.invars:
            if id(other) in leaf_of and only_use(other, "add") is addition and other.aval.shape == part.aval.shape:
                return leaf_of[id(other)]
        return None

    found = []
    for variable, product in zip(jaxpr.invars[len(z) :], products, strict=True):
        split = only_use(variable, "split")
        parts = split.outvars if split is not None and split.params["axis"] == product.ndim - 1 else [variable]
        begin, of_product = 0, []
        for part in parts:
            end = begin + (part.aval.shape[-1] if part.aval.shape else 1)
            of_product.append(Piece(begin, end, added_to(part)))
            begin = end
        found.append(of_product)
    return found
