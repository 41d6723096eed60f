"""Every step of a run linearised, and its linear map kept as arrays, so that a later scan over tangents applies it."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from recurrax._util.float_leaves import float_leaves, float_merger
from recurrax.cell import Carry, Projected
from recurrax.engine.jaxprs import Static
from recurrax.engine.overflow import finite_where
from recurrax.engine.primitives import COSTLY
from recurrax.engine.product_pieces import Piece
from recurrax.engine.products import given_products, multiplied, products_of_step
from recurrax.engine.run import Run, cuts, finite, over_steps, transition


def _worth_keeping(primitive: Any, *arguments: Any, **_: Any) -> bool:
    # JAX marks what a checkpoint keeps by `reduce_precision`, which knows no complex numbers.
    real = not any(jnp.issubdtype(a.dtype, jnp.complexfloating) for a in arguments)
    return real and primitive.name in COSTLY


def _piece(product: jax.Array, piece: Piece) -> jax.Array:
    return product[..., piece.begin : piece.end] if product.ndim else product


def linearized(
    run: Run,
    z: Projected,
    factors: list[jax.Array],
    parts: list[list[Piece]],
    rewrite: Callable[[Callable], Callable] | None = None,
) -> tuple[Carry, Carry, list[jax.Array], "Pushforward"]:
    """Runs the cell and linearises every step, the weights W_k of its products held fast.

    Args:
      run: the run.
      z: its projected inputs.
      factors: W_k.
      parts: the pieces of every product, as `products.pieces_of` finds them.
      rewrite: what makes of a step the one that is linearised in its place; the states stay those of the cell.

    Returns:
      s_T, s_1 to s_T, the products' operands, and the `Pushforward`s `(weights, initial, carry, z, taps) -> carry`, of
      float leaves; the last three for all steps. A tap is a tangent that is added to a piece of a product.
    """

    def step(carry, step_inputs):
        z, inputs = step_inputs
        arguments = (run.weights, run.initial, carry, z)
        mergers = [float_merger(argument) for argument in arguments]

        def with_taps(factors, taps, *floats):
            w, i, c, zt = (merge(part) for merge, part in zip(mergers, floats, strict=True))
            operands: list[jax.Array] = []
            products: list[jax.Array] = []
            rest = iter(taps)

            def multiply(operand, weight, op=jnp.dot):
                del weight
                k = len(operands)
                operands.append(operand)
                product = op(operand, factors[k])
                products.append(product)
                for piece in parts[k]:
                    if piece.z is None:
                        product = _tapped(product, next(rest), piece.begin)
                return product

            new = transition(run.replace(weights=w, initial=i), c, zt, inputs, multiply)
            return float_leaves(new), (new, operands, [] if rewrite is None else products)

        to_linearize = with_taps if rewrite is None else rewrite(with_taps)
        kept = jax.checkpoint(to_linearize, policy=_worth_keeping, prevent_cse=False)
        taps = [
            jnp.zeros_like(_piece(multiplied(p.op, p.operand, p.weight), piece))
            for p, of_product in zip(products_of_step(run.cell, run.weights, carry, z), parts, strict=True)
            for piece in of_product
            if piece.z is None
        ]
        _, pushforward, (new, operands, products) = jax.linearize(
            lambda *floats: kept(factors, floats[-1], *floats[:-1]), *map(float_leaves, arguments), taps, has_aux=True
        )
        if rewrite is not None:
            new, _ = given_products(lambda dot: transition(run, carry, z, inputs, dot), products)
        lost = ~finite(new, inputs).all() if cuts(inputs) else None
        pushforward = Pushforward.of(pushforward, run.weights, run.initial, factors, z, lost=lost)
        return new, _without_repeats((new, operands, pushforward))

    final, (unique, whole) = over_steps(step, run.carry, (z, run.inputs), reverse=run.reverse, platform=run.platform)
    treedef, places = whole.value
    states, operands, pushforwards = treedef.unflatten([unique[n] for n in places])
    return final, states, operands, pushforwards


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _tapped(product: jax.Array, tap: jax.Array, begin: int) -> jax.Array:
    """Returns the product; the tangent of `tap` is added to its, from `begin` on. To add zeros would cost time."""
    del tap, begin
    return product


@_tapped.defjvp
def _tapped_jvp(begin, primals, tangents):
    (product, tap), (d_product, d_tap) = primals, tangents
    if product.ndim == 0:
        return product, d_product + d_tap
    missing = product.shape[-1] - begin - tap.shape[-1]
    return product, d_product + jnp.pad(d_tap, [(0, 0)] * (tap.ndim - 1) + [(begin, missing)])


def _without_repeats(tree: Any) -> tuple[list[jax.Array], Static]:
    """Returns the different arrays of a pytree, so that a scan stacks each once, and how to put it together again."""
    leaves, treedef = jax.tree.flatten(tree)
    unique = list({id(leaf): leaf for leaf in leaves}.values())
    number = {id(leaf): n for n, leaf in enumerate(unique)}
    return unique, Static((treedef, tuple(number[id(leaf)] for leaf in leaves)))


@functools.partial(
    jax.tree_util.register_dataclass, data_fields=["residuals", "lost"], meta_fields=["treedef", "shared"]
)
@dataclasses.dataclass(frozen=True)
class Pushforward:
    """A linear map that `jax.linearize` gave, as arrays that a scan may stack; what is known anyway is left out."""

    residuals: list[jax.Array]
    treedef: Any
    shared: tuple[int | None, ...]
    """For every leaf the number of the known leaf that it is, or None."""
    lost: jax.Array | None = None
    """Whether its coefficients that are not finite count as zero; None for no."""

    @classmethod
    def of(cls, linear: Any, *known: Any, lost: jax.Array | None = None) -> "Pushforward":
        """Takes a linear map apart; leaves of the pytrees `known` are not kept."""
        leaves, treedef = jax.tree.flatten(linear)
        place = {id(leaf): n for n, leaf in enumerate(jax.tree.leaves(known))}
        shared = tuple(place.get(id(leaf)) for leaf in leaves)
        return cls([leaf for leaf, n in zip(leaves, shared, strict=True) if n is None], treedef, shared, lost)

    def push(self, *known: Any) -> Any:
        """Returns the linear map; `known` as it was given to `of`."""
        residuals = self.residuals if self.lost is None else finite_where(self.lost, self.residuals)
        rest, leaves = iter(residuals), jax.tree.leaves(known)
        return self.treedef.unflatten([next(rest) if n is None else leaves[n] for n in self.shared])
