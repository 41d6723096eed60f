"""What the study measures of one cell: pure functions of trajectories, one per seed side by side.

A cell runs once over the sequences of a snapshot (`trajectories`), and everything that is measured of them is a
function of that.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from experiments.gradient_flow.measuring.language_model import Model
from experiments.gradient_flow.measuring.sources import Source
from recurrax import Cell, gradflow
from recurrax._util.float_leaves import float_leaves
from recurrax.gradflow._numerics.state_vectors import state_vector
from recurrax.gradflow.trajectory import Trajectory

BINS = 50
"""Bins of the histograms of gate activations."""

LARGE_STATE = 512
"""Numbers in a joint state beyond which not all directions are followed: their cost grows as the cube of the size."""

LEADING = 64
"""Lyapunov exponents measured of such a state."""


@functools.partial(jax.jit, static_argnums=0)
def trajectories(cell: Cell, models: Model, xs: Float[Array, "T *B D"]) -> Trajectory:
    """Runs every seed's model over the same sequences; each leaf of what it returns begins with the axis of seeds."""
    return jax.vmap(lambda params: gradflow.trajectory(cell, params, xs))(models.cell)


def log_norms(source: Source, models: Model, paths: Trajectory, targets: Any) -> dict[str, np.ndarray]:
    """Returns log norms `[S, T+1, B]` of the loss at the last step: of dL/ds_t, of its fields, and by path.

    Their names begin with "log_norm/", as in the results.
    """
    return {f"log_norm/{name}": a for name, a in named(_log_norms(source, models, paths, targets)).items()}


@jax.jit
def _first_not_finite(paths: Trajectory) -> Int[Array, "S B"]:
    return jax.vmap(lambda path: path.first_not_finite)(paths)


def first_not_finite(paths: Trajectory) -> dict[str, np.ndarray]:
    """Returns the first step of every sequence `[S, B]` that holds inf or NaN, -1 where there is none."""
    return {"first_not_finite": np.asarray(_first_not_finite(paths))}


@functools.partial(jax.jit, static_argnums=0)
def _log_norms(source, models, paths, targets):
    def one_seed(model, path):
        def loss(ys, carry):
            return source.last_loss(model.readout, ys, targets)

        norms, by_path = gradflow.gradient_norms(path, loss), gradflow.path_norms(path, loss)
        measured = {"joint": norms.joint, "field": norms.fields, "path": by_path.fields}
        # A state of one field leaves nothing that could change field.
        return measured | ({"path_rest": by_path.rest} if len(jax.tree.leaves(by_path.fields)) > 1 else {})

    return jax.vmap(one_seed)(models, paths)


def at_end(paths: Trajectory, few: Trajectory, long: Trajectory) -> dict[str, np.ndarray]:
    """Returns what is measured before and after training only: Jacobian products, Lyapunov spectrum and gates.

    Of a state larger than `LARGE_STATE` no Jacobian products, and the first `LEADING` exponents.

    Args:
      paths: the trajectories of the snapshot, for the gates.
      few: those of some of its sequences, for Jacobian products: they cost far more than all else.
      long: those of one long sequence, without a batch axis, for the Lyapunov spectrum.
    """
    size = state_size(paths)
    k = size if size <= LARGE_STATE else LEADING
    result = {"state_size": np.array(size), "lyapunov_exponent": np.asarray(_lyapunov_exponents(k, long))}
    if size <= LARGE_STATE:
        result |= {f"log_singular_value/{name}": values for name, values in named(_log_singular_values(few)).items()}
    if first_gates(paths) is not None:
        result |= {f"gate/{name}": values for name, values in named(_gates(paths)).items()}
    return result


@jax.jit
def _log_singular_values(paths: Trajectory) -> dict[str, jax.Array]:
    """Returns log singular values of ds_T/ds_t: the largest, the median and the smallest, each `[S, T+1, B]`."""

    def one_seed(path):
        values = gradflow.jacobian_products(path).log_singular_values
        return {"largest": values[..., 0], "median": jnp.median(values, axis=-1), "smallest": values[..., -1]}

    return jax.vmap(one_seed)(paths)


@functools.partial(jax.jit, static_argnums=0)
def _lyapunov_exponents(k: int, paths: Trajectory) -> Float[Array, "S K"]:
    """Returns the first `k` Lyapunov exponents, nats per step."""

    def one_seed(path):
        return gradflow.lyapunov_spectrum(path, k=k, warm_up=path.run.length // 10)

    return jax.vmap(one_seed)(paths)


@jax.jit
def _gates(paths: Trajectory) -> dict[str, Any]:
    """Returns for every gate its mean and saturation per unit `[S, H]`, memory times, and a histogram `[S, BINS]`."""

    def one_seed(path):
        statistics, activations = gradflow.gate_statistics(path), gradflow.gate_activations(path)
        ranges = [gate_range(path.cell, name) for name in activations._fields]
        histogram = type(activations)(*(_histogram(a, r) for a, r in zip(activations, ranges, strict=True)))
        return {"histogram": histogram, **statistics._asdict()}

    return jax.vmap(one_seed)(paths)


def _histogram(activations: jax.Array, interval: tuple[float, float]) -> Float[Array, "N"]:
    """Returns the shares of the activations in the bins; NaN where one of them is."""
    counts = jnp.histogram(activations, BINS, range=interval)[0]
    return jnp.where(jnp.isnan(activations).any(), jnp.nan, counts / activations.size)


def gate_range(cell: Cell, gate: str) -> tuple[float, float]:
    """Returns the interval that the gate's activation lies in."""
    return (-1.0, 1.0) if gate in cell.signed_gates else (0.0, 1.0)


def state_size(paths: Trajectory) -> int:
    """Returns how many numbers the joint state of one sequence has, the two parts of a complex one counted each."""

    def vector(path):
        return state_vector(float_leaves(path.run.carry), path.run.batch_ndim)

    return jax.eval_shape(jax.vmap(vector), paths).shape[-1]


@jax.jit
def first_gates(paths: Trajectory) -> Any:
    """Returns the gates of the first step, `[S, *B, H]`; None of a cell without gates."""

    def one_seed(path):
        run, z = path.run, jax.tree.map(lambda a: a[0], path.z)
        return run.cell.gates(run.weights, run.carry, z)

    return jax.vmap(one_seed)(paths)


def named(tree: Any) -> dict[str, np.ndarray]:
    """Returns the leaves of a tree by names such as "path/c"."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf) for path, leaf in leaves}
