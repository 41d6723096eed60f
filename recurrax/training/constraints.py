"""What parameters are brought back to after an optimiser's step."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from recurrax._util import checks


def clip_singular_values(
    weight: Float[Array, "N M"], low: float, high: float, *, gates: int = 1
) -> Float[Array, "N M"]:
    """Brings the singular values of every gate's block to between `low` and `high`.

    With 1 - m and 1 + m the spectral margin of Vorontsov et al. 2017 (there for a factorised weight); with 0 and a
    bound below 2 on the candidate's recurrent weight the constraint under which a GRU at rest cannot explode (Kanai,
    Fujiwara & Iwamura 2017, theirs being h = z h + (1 - z) n as well as ours the other way round).

    Args:
      weight: the blocks of all gates side by side.
      low: at least 0.
      high: at least `low`.
      gates: how many blocks there are.

    Raises:
      TypeError, ValueError: the bounds are no finite numbers 0 <= low <= high; `gates` does not divide M.
    """
    checks.finite("low", low)
    checks.finite("high", high)
    if not 0 <= low <= high:
        raise ValueError(f"low and high must be 0 <= low <= high, got {low} and {high}.")
    checks.positive_int("gates", gates)
    if weight.ndim != 2 or weight.shape[1] % gates:
        raise ValueError(f"weight must have two axes, the last of them {gates} blocks wide, got shape {weight.shape}.")

    def clip(block: jax.Array) -> jax.Array:
        u, s, vh = jnp.linalg.svd(block, full_matrices=False)
        return (u * jnp.clip(s, low, high)[..., None, :]) @ vh

    return jnp.concatenate([clip(block) for block in jnp.split(weight, gates, axis=1)], axis=1)
