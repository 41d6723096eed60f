"""Nonlinear cells over all steps at once, by Newton's method on the whole sequence."""

import dataclasses
import functools
import itertools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from recurrax._util import checks
from recurrax._util.float_leaves import is_float
from recurrax.cell import Carry, Cell, Projected
from recurrax.engine.executor import Executor
from recurrax.engine.linear_recurrence import linear_recurrence
from recurrax.engine.meshes import varying, varying_alike, varying_axes
from recurrax.engine.products import forward_mode_refusal
from recurrax.engine.run import (
    Inputs,
    Run,
    cuts,
    emit_all,
    in_processing_order,
    over_steps,
    project_all,
    states_of_all,
    transition,
)
from recurrax.engine.scan import Scan


class Convergence(NamedTuple):
    """How Newton's method went."""

    iterations: Int[Array, ""]
    """Linear recurrences that were solved; each evaluates every step once, all at once."""
    residual: Float[Array, ""]
    """Largest difference between a number of a state and the step from the state before, over 1 + its size."""
    converged: Bool[Array, ""]
    """Whether the residual is within the tolerance; where not, the states are those of `scan`."""


@dataclasses.dataclass(frozen=True)
class Newton(Executor):
    """Solves s_t = step(s_{t-1}) for all t at once (DEER: Lim et al. 2024; quasi-DEER: Gonzalez et al. 2024).

        s_t <- step(s*_{t-1}) + (1 - damping) A_t (s_{t-1} - s*_{t-1})

    is a linear recurrence, solved in O(log T) depth from the last iterate s*. A_t is the step's Jacobian at s*_{t-1}
    (Newton's method), or its diagonal (quasi-Newton; the same for cells with `diagonal = True`). Whatever A_t is, the
    first k states are exact after k iterations; with the Jacobian convergence is quadratic, and fast where the
    recurrence forgets, that is where its leading Lyapunov exponent is below zero (Gonzalez et al. 2025). Where the
    method does not converge, the run is done by `scan`. Derivatives are those of the solution: one linear recurrence
    with the exact Jacobian, whatever the iterations did.

    With the diagonal of a Jacobian that has more, the derivatives' recurrence is done step by step.

    A full Jacobian of a state of n numbers costs n^2 numbers and n^3 operations per step: only for small n.

    Attributes:
      jacobian: "full", "diagonal", or "auto": diagonal where the cell is, full where it is not.
      damping: in [0, 1): how much of A_t is taken away, for runs whose iterates grow. Slower where 0 converges.
      tolerance: of the residual of `Convergence`; None for 64 times the machine epsilon.
      max_iterations: after which the run is done by `scan`.
    """

    jacobian: str = "auto"
    damping: float = 0.0
    tolerance: float | None = None
    max_iterations: int = 100

    def __post_init__(self):
        checks.choice("jacobian", self.jacobian, ("auto", "full", "diagonal"))
        checks.finite("damping", self.damping)
        if not 0 <= self.damping < 1:
            raise ValueError(f"damping must be at least 0 and below 1, got {self.damping}.")
        if self.tolerance is not None:
            checks.positive("tolerance", self.tolerance)
        checks.positive_int("max_iterations", self.max_iterations)

    def refusal(self, run):
        leaves = jax.tree.leaves(run.carry)
        if not all(map(is_float, leaves)):
            return "its carry has integer fields, which no Newton step can change"
        dtypes = {a.dtype.name for a in leaves}
        if len(dtypes) > 1 or not dtypes <= {"float32", "float64"}:
            return f"its carry is {' and '.join(sorted(dtypes))}; Newton's method needs float32 or float64 alone"
        return forward_mode_refusal(run)

    def __call__(self, run):
        if run.length == 0:
            return Scan()(run)
        forwards, z = _projected(run)
        states = _states(self, forwards, z)
        ys = emit_all(forwards, states, z)
        return jax.tree.map(lambda s: s[-1], states), in_processing_order(ys, run.reverse)

    def convergence(self, run: Run) -> Convergence:
        """Solves a run of at least one step, and tells how that went.

        Raises:
          ValueError: there is no step.
        """
        if run.length == 0:
            raise ValueError("xs must have at least one step for convergence to tell of, got T = 0.")
        return _solve(self, *_projected(run))[1]


def _projected(run: Run) -> tuple[Run, Projected]:
    """Returns a run in processing order, without its inputs, and these projected."""
    forwards = run.forwards()
    return forwards.without_inputs(), project_all(forwards)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _states(newton: Newton, run: Run, z: Projected) -> Carry:
    """Returns s_1 to s_T."""
    states, convergence = _solve(newton, run, z)
    return jax.lax.cond(convergence.converged, lambda: states, lambda: states_of_all(run, z)[1])


@_states.defjvp
def _states_jvp(newton: Newton, primals: tuple, tangents: tuple) -> tuple[Carry, Carry]:
    (run, z), (d_run, d_z) = primals, tangents
    states = _states(newton, run, z)
    system = _System.of(newton, run)
    before = _shifted(system.pack(run.carry), system.pack(states))

    def steps(weights, initial, z):
        return system.steps(run.replace(weights=weights, initial=initial), z)(before)

    # What every step adds to the tangent of the state by itself, all steps at once.
    _, added = jax.jvp(steps, (run.weights, run.initial, z), (d_run.weights, d_run.initial, d_z))
    if system.exact:
        _, factors = system.linearized(system.steps(run, z), before)
        if cuts(run.inputs):  # to a step that overflows comes zero, and has to stay zero, or what is infinite already
            factors = jnp.where(jnp.isfinite(factors), factors, 0)
        d_states = linear_recurrence(factors, added, system.pack(d_run.carry), cut=cuts(run.inputs))
    else:

        def push(d_carry, step):
            before, z, inputs, added = step
            one = system.step(run, z, inputs)
            d_carry = jax.jvp(one, (before,), (d_carry,))[1] + added
            return d_carry, d_carry

        _, d_states = over_steps(push, system.pack(d_run.carry), (before, z, run.inputs, added), platform=run.platform)
    return states, system.unpack(d_states)


def _solve(newton: Newton, run: Run, z: Projected) -> tuple[Carry, Convergence]:
    """Returns s_1 to s_T, after one more step from the last iterate, and how far that one was from a solution."""
    system = _System.of(newton, run)
    steps = system.steps(run, z)
    start = system.pack(run.carry)
    length = jax.tree.leaves(z)[0].shape[0]
    tolerance = 64 * float(jnp.finfo(start.dtype).eps) if newton.tolerance is None else newton.tolerance

    def evaluated(iterations, states):
        before = _shifted(start, states)
        after, factors = system.linearized(steps, before)
        # Number by number: beside a large one the error of a small one would not show.
        residual = jnp.max(jnp.abs(after - states) / (1 + jnp.abs(after)), initial=0)
        return _Iterate(iterations, before, after, factors, residual)

    def improved(last: _Iterate) -> _Iterate:
        factors = last.factors * jnp.asarray(1 - newton.damping, start.dtype)
        states = linear_recurrence(factors, last.after - _applied(factors, last.before), start, cut=cuts(run.inputs))
        # What overflowed starts anew: the states before it are right after this many iterations at the latest.
        return evaluated(last.iterations + 1, jnp.where(jnp.isfinite(states), states, 0))

    last = jax.lax.while_loop(
        lambda last: ~(last.residual <= tolerance) & (last.iterations < newton.max_iterations),
        improved,
        varying_alike(evaluated(jnp.zeros((), jnp.int32), jnp.broadcast_to(start, (length, *start.shape)))),
    )
    convergence = Convergence(last.iterations, last.residual, last.residual <= tolerance)
    return system.unpack(last.after), convergence


class _Iterate(NamedTuple):
    """An iterate s*, and its steps linearised."""

    iterations: jax.Array
    before: jax.Array
    """s*_0 to s*_{T-1}, `[T, *B, n]`."""
    after: jax.Array
    """The step from each."""
    factors: jax.Array
    """A_1 to A_T, `[T, *B, n]` or `[T, *B, n, n]`."""
    residual: jax.Array


def _shifted(start: jax.Array, states: jax.Array) -> jax.Array:
    """Returns s_0 to s_{T-1}."""
    return jnp.concatenate([start[None], states[:-1]])


def _applied(factors: jax.Array, vectors: jax.Array) -> jax.Array:
    if factors.ndim == vectors.ndim:
        return factors * vectors
    return jnp.einsum("...ij,...j->...i", factors, vectors, precision="highest")


class _System(NamedTuple):
    """Steps as functions of vectors `[*B, n]`, in which the fields of the carry lie one after the other."""

    cell: Cell
    jacobian: str
    carry: Carry
    """Shapes of the carry without batch axes."""

    @classmethod
    def of(cls, newton: Newton, run: Run) -> "_System":
        jacobian = newton.jacobian
        if jacobian == "auto":
            jacobian = "diagonal" if run.cell.diagonal else "full"
        return cls(run.cell, jacobian, jax.eval_shape(run.cell.initial_carry, run.weights))

    @property
    def exact(self) -> bool:
        """Whether `linearized` gives the Jacobian itself."""
        return self.jacobian == "full" or self.cell.diagonal

    def pack(self, carry: Carry) -> jax.Array:
        """Returns the vectors of carries that have any leading axes."""
        pairs = zip(jax.tree.leaves(carry), jax.tree.leaves(self.carry), strict=True)
        return jnp.concatenate([a.reshape(*a.shape[: a.ndim - own.ndim], own.size) for a, own in pairs], axis=-1)

    def unpack(self, vectors: jax.Array) -> Carry:
        """Undoes `pack`."""
        own, treedef = jax.tree.flatten(self.carry)
        ends = itertools.accumulate(a.size for a in own)
        parts = jnp.split(vectors, list(ends)[:-1], axis=-1)
        return treedef.unflatten([part.reshape(*part.shape[:-1], *a.shape) for part, a in zip(parts, own, strict=True)])

    def step(self, run: Run, z: Projected, inputs: Inputs) -> Callable[[jax.Array], jax.Array]:
        """Returns one step."""
        return lambda vector: self.pack(transition(run, self.unpack(vector), z, inputs))

    def steps(self, run: Run, z: Projected) -> Callable[[jax.Array], jax.Array]:
        """Returns the function from s_0 to s_{T-1} to the steps from each."""

        def one(z, inputs, vector):
            return self.step(run, z, inputs)(vector)

        return lambda vectors: jax.vmap(one)(z, run.inputs, vectors)

    def linearized(self, steps: Callable[[jax.Array], jax.Array], before: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Returns the steps from `before`, `[T, *B, n]`, and A_1 to A_T, as vectors or as matrices `[T, *B, n, n]`."""
        if self.cell.diagonal and self.jacobian == "diagonal":
            return jax.jvp(steps, (before,), (jnp.ones_like(before),))
        after, push = jax.linearize(steps, before)
        unit_vectors = varying(jnp.eye(before.shape[-1], dtype=before.dtype), varying_axes(before))
        if self.jacobian == "full":
            return after, jax.vmap(lambda unit: push(jnp.broadcast_to(unit, before.shape)), out_axes=-1)(unit_vectors)
        # One unit vector after the other: all columns at once would take the memory of the full matrices.
        diagonal = jax.lax.map(lambda unit: push(jnp.broadcast_to(unit, before.shape)) @ unit, unit_vectors)
        return after, jnp.moveaxis(diagonal, 0, -1)
