"""Hessian-free optimisation: Newton steps by conjugate gradients, on exact products with a curvature matrix."""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from recurrax._util import checks

Vector = Float[Array, "P"]
Product = Callable[[Vector], Vector]

GROWTH = 1.3
"""From one iterate that is kept for backtracking to the next (Martens 2010, section 4.6)."""
TOLERANCE = 5e-4
"""Relative progress per iteration below which conjugate gradients stop (ibid., section 4.4)."""
SHRINK, SUFFICIENT, TRIES = 0.8, 0.01, 60
"""Of the line search (ibid., section 4.6): factor of the step, share of the slope that it must yield, and how often."""
LEAST_DAMPING, MOST_DAMPING = 1e-10, 1e10


class HessianFreeState(NamedTuple):
    """What the next step needs."""

    damping: Float[Array, ""]
    """lambda."""
    solution: Any
    """What conjugate gradients came to last, in the structure of the parameters; the next ones start near it."""


class HessianFree(NamedTuple):
    """A pair of pure functions in the form of optax."""

    init: Callable[[Any], HessianFreeState]
    update: Callable[..., tuple[Any, HessianFreeState]]


def truncated_newton(
    *, damping: float = 1.0, structural: float = 0.0, iterations: int = 64, decay: float = 0.95
) -> HessianFree:
    """Makes an optimiser that takes truncated Newton steps (Martens 2010; Martens & Sutskever 2011).

        q(d) = g^T d + d^T (G + lambda (I + mu S)) d / 2          g = df/dtheta

        G = J^T H J        of the outputs z(theta), J = dz/dtheta; H the Hessian of the loss by z
        S = K^T K          of the states h(theta), K = dh/dtheta: a step is to change them little

    G is the Gauss-Newton matrix, without negative curvature where the loss is convex in z. Products with G and S come
    exactly out of one derivative forward and one backward. A step
    1. minimises q by conjugate gradients from `decay` times the solution before, until the relative progress over k
       iterations is below k 0.0005, k = max(10, a tenth of the iterations);
    2. goes back among the iterates 1, 2, 3, 4, 5, 7, .. (each 1.3 times the last) while f does not rise;
    3. multiplies lambda by 2/3 where f falls by more than 3/4 of what the model without damping promises, by 3/2 where
       by less than 1/4 of it;
    4. shortens the step by 0.8 until f falls enough, and takes none where it never does.
    There is no preconditioner, and all is measured on one batch, which had better be large.

    `update(gradient, state, params, *, value, value_fn, network, loss)` returns the change of the parameters and the
    next state, where
      gradient, value: of the objective f, which may hold penalties; the curvature is that of `loss` alone;
      value_fn: `params -> f`;
      network: `params -> (outputs, states)`, differentiable forward as well; S is that of the states as they are
        scaled, e.g. over the square root of the batch where the loss is a mean over it;
      loss: `outputs -> scalar`, convex.

    >>> optimizer = truncated_newton(damping=1e-6)
    >>> x, f = jnp.array([3.0, -2.0]), lambda x: jnp.sum(jnp.array([1.0, 100.0]) * x**2)
    >>> value, gradient = jax.value_and_grad(f)(x)
    >>> functions = {"value_fn": f, "network": lambda x: (x, ()), "loss": f}
    >>> change, _ = optimizer.update(gradient, optimizer.init(x), x, value=value, **functions)
    >>> bool(jnp.allclose(x + change, 0, atol=1e-4))
    True

    Args:
      damping: lambda at first, above 0.
      structural: mu, at least 0.
      iterations: of conjugate gradients, at most.
      decay: share of the last solution to start from, in [0, 1].

    Raises:
      TypeError, ValueError: an argument is none of these.
    """
    checks.positive("damping", damping)
    checks.positive_int("iterations", iterations)
    for name, value in (("structural", structural), ("decay", decay)):
        checks.finite(name, value)
    if structural < 0 or not 0 <= decay <= 1:
        raise ValueError(f"structural must be at least 0 and decay in [0, 1], got {structural} and {decay}.")

    def init(params: Any) -> HessianFreeState:
        flat, _ = ravel_pytree(params)
        return HessianFreeState(jnp.asarray(damping, flat.dtype), jax.tree.map(jnp.zeros_like, params))

    def update(gradient, state, params, *, value, value_fn, network, loss):
        theta, unravel = ravel_pytree(params)
        g, before = ravel_pytree(gradient)[0], ravel_pytree(state.solution)[0]

        def objective(d: Vector) -> jax.Array:
            """Returns f after a step d; inf where it is not finite, which is worse than any other."""
            after = value_fn(unravel(theta + d))
            return jnp.where(jnp.isfinite(after), after, jnp.inf)

        of_outputs, of_both = _curvature(lambda flat: network(unravel(flat)), loss, theta, structural * state.damping)
        iterates, last = _conjugate_gradients(lambda d: of_both(d) + state.damping * d, g, decay * before, iterations)
        step, after = _backtracked(objective, iterates, last)
        promised = g @ step + step @ of_outputs(step) / 2
        new_damping = _next_damping(state.damping, after - value, promised)
        length = _line_search(objective, value, step, g @ step, after)
        solution = jax.tree.map(lambda a: jnp.where(jnp.isfinite(a), a, 0), unravel(iterates[last]))
        return unravel(length * step), HessianFreeState(new_damping, solution)

    return HessianFree(init, update)


def _curvature(
    network: Callable[[Vector], tuple[Any, Any]],
    loss: Callable[[Any], jax.Array],
    theta: Vector,
    structural: float | Float[Array, ""],
) -> tuple[Product, Product]:
    """Returns the products d -> G d and d -> (G + structural S) d at theta; see `truncated_newton`."""
    (outputs, _), push = jax.linearize(network, theta)
    _, pull = jax.vjp(network, theta)

    def product(d: Vector, of_states: float | Float[Array, ""]) -> Vector:
        outputs_change, states_change = push(d)
        _, through_loss = jax.jvp(jax.grad(loss), (outputs,), (outputs_change,))
        (back,) = pull((through_loss, jax.tree.map(lambda a: of_states * a, states_change)))
        return back

    return functools.partial(product, of_states=0.0), functools.partial(product, of_states=structural)


def _conjugate_gradients(
    product: Product, g: Vector, start: Vector, iterations: int
) -> tuple[Float[Array, "J P"], Any]:
    """Minimises g^T d + d^T A d / 2, for the product d -> A d of a positive definite matrix.

    Returns:
      The iterates 1, 2, 3, 4, 5, 7, .. and the last one behind those that were reached, and the number of that row.
    """
    kept = jnp.asarray(_kept_iterates(iterations), jnp.int32)
    dtype = g.dtype

    def more(state):
        n, _, residual, _, values, _ = state
        k = jnp.maximum(10, n // 10)
        value, earlier = values[n], values[jnp.maximum(n - k, 0)]
        flat = (n > k) & (value < 0) & (value - earlier > k.astype(dtype) * TOLERANCE * value)
        return (n < iterations) & ~flat & (residual @ residual > 0)

    def iterate(state):
        n, d, residual, direction, values, iterates = state
        turned = product(direction)
        square = residual @ residual
        length = square / (direction @ turned)
        d, new_residual = d + length * direction, residual - length * turned
        direction = new_residual + (new_residual @ new_residual) / square * direction
        # The residual is -(g + A d), so that q(d) = (g - residual)^T d / 2.
        values = values.at[n + 1].set((g - new_residual) @ d / 2)
        # All iterates up to a kept one share its row, which the last of them to come stays in.
        iterates = iterates.at[jnp.searchsorted(kept, n + 1)].set(d)
        return n + 1, d, new_residual, direction, values, iterates

    residual = -(g + product(start))
    values = jnp.zeros(iterations + 1, dtype).at[0].set((g - residual) @ start / 2)
    iterates = jnp.zeros((len(kept), len(g)), dtype).at[0].set(start)
    state = (jnp.zeros((), jnp.int32), start, residual, residual, values, iterates)
    n, *_, iterates = jax.lax.while_loop(more, iterate, state)
    return iterates, jnp.searchsorted(kept, n)


def _kept_iterates(iterations: int) -> list[int]:
    """Returns the numbers of the iterates that backtracking looks at.

    >>> _kept_iterates(20)
    [1, 2, 3, 4, 5, 7, 9, 11, 14, 18, 20]
    """
    powers = {math.ceil(GROWTH**j) for j in range(1 + math.ceil(math.log(iterations) / math.log(GROWTH)))}
    return sorted({power for power in powers if power < iterations} | {iterations})


def _backtracked(objective: Callable[[Vector], jax.Array], iterates: Float[Array, "J P"], last: Any) -> Any:
    """Returns the iterate before which f would be larger, from the last one back, and f there."""

    def better(state):
        n, after, before = state
        return (n > 0) & (before <= after)

    def back(state):
        n, _, before = state
        return n - 1, before, objective(iterates[jnp.maximum(n - 2, 0)])

    start = (last, objective(iterates[last]), objective(iterates[jnp.maximum(last - 1, 0)]))
    n, after, _ = jax.lax.while_loop(better, back, start)
    return iterates[n], after


def _next_damping(damping: jax.Array, change: jax.Array, promised: jax.Array) -> jax.Array:
    """Returns lambda after a step that changed f by `change` where the model promised `promised`.

    The rule of Levenberg and Marquardt, as Martens 2010, section 4.1, has it: more damping where the model promised too
    much, less where it can be trusted. A model that promises no descent cannot be.
    """
    ratio = jnp.where(promised < 0, change / jnp.where(promised < 0, promised, -1), -jnp.inf)
    factor = jnp.where(ratio > 0.75, 2 / 3, jnp.where(ratio >= 0.25, 1.0, 3 / 2))
    return jnp.clip(damping * factor.astype(damping.dtype), LEAST_DAMPING, MOST_DAMPING)


def _line_search(
    objective: Callable[[Vector], jax.Array], value: jax.Array, step: Vector, slope: jax.Array, after: jax.Array
) -> jax.Array:
    """Returns how much of a step to take, so that f falls by a share of what its slope says; 0 where none does."""

    def too_high(state):
        n, length, after = state
        # Not "above": what is NaN is no descent either.
        return (n < TRIES) & ~(after <= value + SUFFICIENT * length * slope)

    def shorten(state):
        n, length, _ = state
        return n + 1, SHRINK * length, objective(SHRINK * length * step)

    n, length, _ = jax.lax.while_loop(too_high, shorten, (0, jnp.ones((), step.dtype), after))
    return jnp.where((n < TRIES) & (slope < 0), length, 0)
