"""What the study measures of one cell: pure functions of models (one per seed) and sequences."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from experiments.gradient_flow.language_model import Model
from experiments.gradient_flow.sources import Source
from recurrax import Cell, gradflow
from recurrax._util.float_leaves import float_leaves
from recurrax.gradflow._numerics.state_vectors import state_vector

BINS = 50
"""Bins of the histograms of gate activations."""

LARGE_STATE = 512
"""Numbers in a joint state beyond which not all directions are followed: their cost grows as the cube of the size."""

LEADING = 64
"""Lyapunov exponents measured of such a state."""


def log_norms(
    cell: Cell, source: Source, models: Model, xs: Float[Array, "T B D"], targets: Any
) -> dict[str, np.ndarray]:
    """Returns log norms `[S, T+1, B]` of the loss at the last step: of dL/ds_t, of its fields, and by path."""
    return _named(_log_norms(cell, source, models, xs, targets))


@functools.partial(jax.jit, static_argnums=(0, 1))
def _log_norms(cell, source, models, xs, targets):
    def one_seed(model):
        def loss(ys, carry):
            return source.last_loss(model.readout, ys, targets)

        path = gradflow.trajectory(cell, model.cell, xs)
        norms, paths = gradflow.gradient_norms(path, loss), gradflow.path_norms(path, loss)
        measured = {"joint": norms.joint, "field": norms.fields, "path": paths.fields}
        # A state of one field leaves nothing that could change field.
        return measured | ({"path_rest": paths.rest} if len(jax.tree.leaves(paths.fields)) > 1 else {})

    return jax.vmap(one_seed)(models)


def at_end(
    cell: Cell, models: Model, xs: Float[Array, "T B D"], few: Float[Array, "T b D"], long_run: Float[Array, "N D"]
) -> dict[str, np.ndarray]:
    """Returns what is measured before and after training only: Jacobian products, Lyapunov spectrum and gates.

    Of a state larger than `LARGE_STATE` no Jacobian products, and the first `LEADING` exponents.
    """
    size = state_size(cell, models, few)
    result = {"state_size": np.array(size), "lyapunov_exponent": lyapunov(cell, models, long_run, size)}
    if size <= LARGE_STATE:
        result |= {f"log_singular_value/{name}": values for name, values in jacobians(cell, models, few).items()}
    if has_gates(cell, models, xs):
        result |= {f"gate/{name}": values for name, values in gates(cell, models, xs).items()}
    return result


def jacobians(cell: Cell, models: Model, xs: Float[Array, "T B D"]) -> dict[str, np.ndarray]:
    """Returns log singular values of ds_T/ds_t: the largest, the median and the smallest, each `[S, T+1, B]`."""
    return _named(_jacobians(cell, models, xs))


@functools.partial(jax.jit, static_argnums=0)
def _jacobians(cell, models, xs):
    def one_seed(model):
        values = gradflow.jacobian_products(gradflow.trajectory(cell, model.cell, xs)).log_singular_values
        return {"largest": values[..., 0], "median": jnp.median(values, axis=-1), "smallest": values[..., -1]}

    return jax.vmap(one_seed)(models)


def lyapunov(cell: Cell, models: Model, xs: Float[Array, "T D"], size: int) -> np.ndarray:
    """Returns the Lyapunov spectrum `[S, K]` of a state of `size` numbers along one long run, nats per step."""
    return np.asarray(_lyapunov(cell, size if size <= LARGE_STATE else LEADING, models, xs))


@functools.partial(jax.jit, static_argnums=(0, 1))
def _lyapunov(cell, k, models, xs):
    warm_up = xs.shape[0] // 10

    def one_seed(model):
        return gradflow.lyapunov_spectrum(gradflow.trajectory(cell, model.cell, xs), k=k, warm_up=warm_up)

    return jax.vmap(one_seed)(models)


def state_size(cell: Cell, models: Model, xs: Float[Array, "T B D"]) -> int:
    """Returns how many numbers the joint state of one sequence has, the two parts of a complex one counted each."""

    def vector(models, xs):
        params, x = jax.tree.map(lambda p: p[0], (models, xs))
        carry = cell.initial_carry(cell.prepare(params, batch_shape=x.shape[:-1]), x.shape[:-1])
        return state_vector(float_leaves(carry), x.ndim - 1)

    return jax.eval_shape(vector, models.cell, xs).shape[-1]


def has_gates(cell: Cell, models: Model, xs: Float[Array, "T B D"]) -> bool:
    """Tells whether the cell has gates to look at."""

    def gates(models, xs):
        params, x = jax.tree.map(lambda p: p[0], (models, xs))
        weights = cell.prepare(params, batch_shape=x.shape[:-1])
        return cell.gates(weights, cell.initial_carry(weights, x.shape[:-1]), cell.project(weights, x))

    return jax.eval_shape(gates, models.cell, xs) is not None


def gates(cell: Cell, models: Model, xs: Float[Array, "T B D"]) -> dict[str, np.ndarray]:
    """Returns for every gate its mean and saturation per unit `[S, H]`, memory times, and a histogram `[S, BINS]`."""
    return _named(_gates(cell, models, xs))


@functools.partial(jax.jit, static_argnums=0)
def _gates(cell, models, xs):
    def one_seed(model):
        path = gradflow.trajectory(cell, model.cell, xs)
        statistics, activations = gradflow.gate_statistics(path), gradflow.gate_activations(path)
        histogram = type(activations)(
            *(
                jnp.histogram(values, BINS, range=gate_range(cell, name))[0] / values.size
                for name, values in activations._asdict().items()
            )
        )
        return {"histogram": histogram, **statistics._asdict()}

    return jax.vmap(one_seed)(models)


def gate_range(cell: Cell, gate: str) -> tuple[float, float]:
    """Returns the interval that the gate's activation lies in."""
    return (-1.0, 1.0) if gate in cell.signed_gates else (0.0, 1.0)


def _named(tree: Any) -> dict[str, np.ndarray]:
    """Returns the leaves under names such as "path/c"."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf) for path, leaf in leaves}
