"""Any cell about as fast as hand-written code: what does not have to wait for the carry is done for all steps at once.

For derivatives, the inputs of all steps are projected in one product, and a step becomes a function of its products:

    s_t = step(s_{t-1}, z_t, r_1..r_K),    r_k = op(a_k, W_k)

    ds_t = J_t (ds_{t-1}, dz_t, op(a_1, dW_1)..op(a_K, dW_K))

J_t, in which the weights W_k are held fast, contains what the tangent of the state does to the operands a_k. What that
of a weight does, op(a_k, dW_k), does not wait for the carry: all its steps are one product before the scan of tangents.
So is its transpose, the gradient of W_k, after the backward scan, which JAX derives. J_t is kept as the outputs of
costly functions; sums and cheap products are done again. As all of this is a rule for tangents, made of functions that
can be differentiated themselves, forward mode, reverse mode and any order of both are exact.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from recurrax._util import checks
from recurrax._util.float_leaves import at_least_float32, float_leaves, float_merger, is_float
from recurrax.cell import Carry, Projected
from recurrax.engine.chunks import chunk_of, in_chunks
from recurrax.engine.executor import Executor
from recurrax.engine.jaxprs import Static
from recurrax.engine.linearized import linearized
from recurrax.engine.meshes import as_tangents
from recurrax.engine.products import multiplied, pieces_of, products_of, refusal
from recurrax.engine.run import Run, emit_all, over_steps, project_all, states_of_all
from recurrax.engine.scan import Scan


@dataclasses.dataclass(frozen=True)
class Fused(Executor):
    """Executes a run step by step as `Scan` does; derivatives are taken for all steps at once.

    A run that is not differentiated has the bits of `Scan`, whatever the number of steps: a product over all steps may
    round otherwise than one over a few.

    Attributes:
      chunk: steps that are taken at once, one chunk after the other, so that what is kept stays in the cache of a CPU;
        None for all of them.
    """

    chunk: int | None = None

    def __post_init__(self):
        if self.chunk is not None:
            checks.positive_int("chunk", self.chunk)

    def refusal(self, run):
        return refusal(run)

    def __call__(self, run):
        # Who steps through a cell wants to see its steps, and those of the derivatives.
        if jax.config.jax_disable_jit:  # pyright: ignore[reportAttributeAccessIssue]
            return Scan()(run)
        return _run(self.chunk, run)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _run(chunk: int | None, run: Run) -> tuple[Carry, Any]:
    del chunk
    return Scan()(run)


@_run.defjvp
def _run_jvp(chunk: int | None, primals: tuple, tangents: tuple) -> tuple[Any, Any]:
    def execute(run):
        return _hoisted(run) if chunk is None else in_chunks(chunk_of(_hoisted, run), run, chunk)

    out, d_out = jax.jvp(execute, primals, tangents)
    return out, as_tangents(d_out, out)


def _hoisted(run: Run) -> tuple[Carry, Any]:
    """Projects, and computes outputs, for all steps at once."""
    z = project_all(run)
    run = run.without_inputs()
    final, states = _states(run, z)
    return final, emit_all(run, states, z)


@jax.custom_jvp
def _states(run: Run, z: Projected) -> tuple[Carry, Carry]:
    """Returns s_T, and s_1 to s_T in the order of the inputs."""
    return states_of_all(run, z)


@_states.defjvp
def _states_jvp(primals: tuple, tangents: tuple) -> tuple[tuple, tuple]:
    (run, z), (d_run, d_z) = primals, tangents
    d_weights, d_initial, d_carry = (
        _float_tangents(getattr(run, field), getattr(d_run, field)) for field in ("weights", "initial", "carry")
    )
    d_z = _float_tangents(z, d_z)
    with_floats = float_merger(run.weights)

    def matrices(floats):
        products = products_of(run.replace(weights=with_floats(floats)), z)
        return [p.weight for p in products], Static(tuple(p.op for p in products))

    (factors, ops), (d_factors, _) = jax.jvp(matrices, (float_leaves(run.weights),), (d_weights,))
    parts = pieces_of(run, z)
    final, states, operands, pushforwards = linearized(run, z, factors, parts)
    # What a weight's tangent does to a product, all steps at once; with the input's tangent where the two are added.
    taps = []
    for op, a, d_weight, of_product in zip(ops.value, operands, d_factors, parts, strict=True):
        through = jax.vmap(functools.partial(multiplied, op), (0, None))(a, d_weight)  # [T, *B, N]
        split = jnp.split(through, [piece.begin for piece in of_product[1:]], axis=-1)
        for piece, part in zip(of_product, split, strict=True):
            if piece.z is None:
                taps.append(part)
            else:
                d_z[piece.z] = d_z[piece.z] + part
    # A gradient that is summed up over the steps has to be so in float32 at least.
    wide = jax.tree.map(at_least_float32, (d_weights, d_initial))

    def push(d_carry, step):
        pushforward, z, d_z, taps = step
        d_weights_, d_initial_ = jax.tree.map(lambda a, like: a.astype(like.dtype), wide, (d_weights, d_initial))
        tangent = pushforward.push(run.weights, run.initial, factors, z)
        d_carry = tangent(d_weights_, d_initial_, d_carry, d_z, taps)
        return d_carry, d_carry

    steps = (pushforwards, z, d_z, taps)
    d_final, d_states = over_steps(push, d_carry, steps, reverse=run.reverse, platform=run.platform)
    d_out = _all_tangents(final, d_final), _all_tangents(states, d_states)
    return (final, states), as_tangents(d_out, (final, states))


def _float_tangents(primal: Any, tangent: Any) -> list[jax.Array]:
    """Returns the tangents of the float leaves."""
    pairs = zip(jax.tree.leaves(primal), jax.tree.leaves(tangent), strict=True)
    return [t for p, t in pairs if is_float(p)]


def _all_tangents(primal: Any, floats: list[jax.Array]) -> Any:
    """Puts tangents of float leaves beside those that integer leaves have, which carry nothing."""
    leaves, treedef = jax.tree.flatten(primal)
    new = iter(floats)
    return treedef.unflatten([next(new) if is_float(a) else np.zeros(a.shape, jax.dtypes.float0) for a in leaves])
