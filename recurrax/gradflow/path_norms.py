"""The gradient split by the path that it takes through the fields of the state."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from recurrax._util.float_leaves import by_field
from recurrax.cell import Carry
from recurrax.engine import meshes
from recurrax.gradflow._numerics.scaled_arrays import Scaled, add, log_norms, scaled
from recurrax.gradflow.gradient_norms import loss_gradient, state_cotangents
from recurrax.gradflow.trajectory import Trajectory, check_differentiable, on_mesh_of, pullbacks


class PathNorms(NamedTuple):
    """Natural logs of the norms of the parts of dL/ds_t, for t = 0 (the initial carry) to T.

    The parts themselves, not their norms, add up to the total.
    """

    total: Float[Array, "T+1 *B"]
    """Of the whole gradient, as `gradient_norms` gives it."""
    fields: Any
    """Of the part that stayed in one field since its first step, in the carry's structure; None for integers."""
    rest: Float[Array, "T+1 *B"]
    """Of the part that changed field at least once."""


def path_norms(path: Trajectory, loss: Callable[[Any, Carry], jax.Array]) -> PathNorms:
    """Splits the gradient of a loss with respect to every state by the path that it took back to it.

    With e_t what the loss sends into s_t directly and P_a the projection on field a of the carry:

        stayed_a(t) = P_a J_{t+1}^T (stayed_a(t + 1) + e_{t+1})
        rest(t)     = J_{t+1}^T rest(t + 1) + sum over a of (1 - P_a) J_{t+1}^T stayed_a(t + 1)
        dL/ds_t     = sum over a of (stayed_a(t) + P_a e_t) + rest(t)

    A loss on the outputs of an LSTM sends its gradient into h_T; the step before brings it into h_{T-1} and c_{T-1},
    and only from there on does a path stay or change. What then stays in c is the constant error carousel, the product
    of the forget gates; what stays in h goes through the recurrent weights at every step.

    Args:
      path: the run, as `trajectory` makes it.
      loss: as in `gradient_norms`.

    Returns:
      Log norms (nats) for t = 0 to T, each `[T+1, *B]`; all NaN where the whole gradient is not finite.

    Raises:
      TypeError, ValueError: as `gradient_norms`.
    """
    check_differentiable(path)
    return _split(path, *loss_gradient(path, loss))


@jax.jit
def _split(path: Trajectory, dys: list[jax.Array], dlast: list[jax.Array]) -> PathNorms:
    return on_mesh_of(path, _parts, 1)(path, dys, dlast)


def _parts(path: Trajectory, dys: list[jax.Array], dlast: list[jax.Array]) -> PathNorms:
    last, direct = state_cotangents(path, dys, dlast)
    fields = range(len(last.arrays))
    steps, pullback_of = pullbacks(path)

    def back(parts, step):
        step, received = step
        pullback = pullback_of(step)

        def pulled(part: Scaled) -> Scaled:
            return scaled(pullback(part.arrays), part.exponent)

        total, stayed, rest, sent = parts
        total, rest, entering = add(pulled(total), received), pulled(rest), pulled(sent)
        arrived = [pulled(part) for part in stayed]
        for a in fields:
            rest = add(rest, _only(arrived[a], [other for other in fields if other != a]))
        stayed = [add(_only(arrived[a], [a]), _only(entering, [a])) for a in fields]
        return (total, stayed, rest, received), _norms(total, stayed, rest, received)

    nothing = _only(last, [])
    start = (last, [nothing for _ in fields], nothing, last)
    _, norms = meshes.scan(back, start, (steps, direct), reverse=True)
    total, stayed, rest = jax.tree.map(lambda early, end: jnp.concatenate([early, end[None]]), norms, _norms(*start))
    return PathNorms(total, by_field(path.run.carry, stayed), rest)


def _only(part: Scaled, kept: list[int]) -> Scaled:
    """Returns the part with all fields but those in `kept` set to zero."""
    arrays = [a if n in kept else jnp.zeros_like(a) for n, a in enumerate(part.arrays)]
    return scaled(arrays, part.exponent)


def _norms(
    total: Scaled, stayed: list[Scaled], rest: Scaled, direct: Scaled
) -> tuple[jax.Array, list[jax.Array], jax.Array]:
    whole = log_norms(total)[1]

    def of(part: Scaled) -> jax.Array:
        return jnp.where(jnp.isnan(whole), jnp.nan, log_norms(part)[1])

    return whole, [of(add(part, _only(direct, [a]))) for a, part in enumerate(stayed)], of(rest)
