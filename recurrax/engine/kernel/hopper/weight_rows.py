"""Rows of weights in the order of the tiles that a warp group multiplies at once."""

import jax
import jax.numpy as jnp

from recurrax.engine.kernel.hopper.plan import Plan


def paired_rows(weight: jax.Array, plan: Plan) -> jax.Array:
    """Brings the rows of weights into the order of tiles: `[..., G, D, K]` -> `[..., tiles, D * gates_per_tile, K]`.

    With 32 units in a tile the rows of two gates alternate by eights, so that every warp has the same units of both. A
    gate of zeros is put beside an odd one.
    """
    if plan.gates_per_tile == 1:
        return weight
    *lead, gates, units, columns = weight.shape
    odd = gates % 2
    padded = jnp.pad(weight, [(0, 0)] * len(lead) + [(0, odd), (0, 0), (0, 0)])
    by_eight = padded.reshape(*lead, (gates + odd) // 2, 2, units // 8, 8, columns)
    return jnp.moveaxis(by_eight, -4, -3).reshape(*lead, (gates + odd) // 2, 2 * units, columns)
