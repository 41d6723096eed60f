"""What theory says of a cell at initialisation, to be drawn over what was measured, where its assumptions hold."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from experiments.gradient_flow.measuring import measure
from experiments.gradient_flow.measuring.language_model import Model
from recurrax import RNN, Cell, dot
from recurrax._util.float_leaves import float_leaves, float_merger
from recurrax.gradflow import theory
from recurrax.gradflow.trajectory import Trajectory


def predicted(cell: Cell, models: Model, xs: Float[Array, "T B D"]) -> dict[str, np.ndarray]:
    """Predicts how the gradient norm changes with distance.

    Returns:
      `theory/log_ratio` `[S, T+1]`, the log norm at distance k over that at 0 after the mean-field theory of a random
      tanh network (Chen et al. 2018): (k / 2) ln chi, with the variances that are measured in the weights and in the
      projected inputs. Only of a tanh network with `independent_weights`, which is what the theory is of.
      `theory/log_carousel` `[S, T+1]`, of a cell with a forget gate: the log of what that gate alone leaves of a unit's
      state after k steps, at its value in a run without input; root mean square over units.
      `theory/step_radius` `[S]`: the spectral radius of the Jacobian of the first step without input, which is what a
      small change of the state keeps at most in a step, in the long run, as long as the state stays near its start.
    """
    distance, result = np.arange(len(xs) + 1), {}
    # The theory is of this very step; a subclass may have another one.
    plain = isinstance(cell, RNN) and type(cell).step is RNN.step and cell.activation == "tanh"
    if plain and independent_weights(models.cell.w_h):
        result["theory/log_ratio"] = _mean_field(models, xs) * distance
    at_rest = measure.trajectories(cell, models, jnp.zeros_like(xs))
    is_real = not any(map(jnp.iscomplexobj, float_leaves(at_rest.states)))
    if is_real and measure.state_size(at_rest) <= measure.LARGE_STATE:
        matrices = np.asarray(_first_jacobian(at_rest), np.float64)
        if np.isfinite(matrices).all():
            result["theory/step_radius"] = np.abs(np.linalg.eigvals(matrices)).max(-1)
    retention = _retention(at_rest)
    if retention is not None:
        powers = 2 * distance[:, None] * np.log(retention)[:, None, :]
        result["theory/log_carousel"] = 0.5 * np.log(np.exp(powers).mean(-1))
    return result


def independent_weights(matrices: Float[Array, "S H H"]) -> bool:
    """Tells whether square matrices look as if their entries were drawn independently.

    The squared singular values of such a matrix have a variance of about their mean squared (Marchenko & Pastur 1967);
    those of an orthogonal matrix and of the identity have none.
    """
    squares = np.linalg.svd(np.asarray(matrices, np.float64), compute_uv=False) ** 2
    spread = np.mean(squares.var(-1) / squares.mean(-1) ** 2)
    return bool(0.7 < spread < 1.3)


def _mean_field(models: Model, xs: jax.Array) -> np.ndarray:
    """Returns the mean-field rate of each seed, nats per step `[S, 1]`."""
    w_x, w_h = (np.asarray(w, np.float64) for w in (models.cell.w_x, models.cell.w_h))
    drive = np.einsum("tbd,sdh->stbh", np.asarray(xs, np.float64), w_x)
    rates = [
        theory.mean_field_tanh(weight_variance=len(w) * np.square(w).mean(), input_variance=np.square(d).mean()).rate
        for w, d in zip(w_h, drive, strict=True)
    ]
    return np.array(rates)[:, None]


@jax.jit
def _first_jacobian(at_rest: Trajectory) -> Float[Array, "S N N"]:
    """Returns ds_1/ds_0 of the first sequence, for a state of real numbers; all sequences are the same."""

    def one_seed(path: Trajectory) -> jax.Array:
        cell, weights = path.cell, path.run.weights
        carry, z = (jax.tree.map(lambda a: a[0, :1], tree) for tree in (path.states, path.z))
        with_floats = float_merger(carry)
        start, unravel = ravel_pytree(float_leaves(carry))

        def step(vector: jax.Array) -> jax.Array:
            return ravel_pytree(float_leaves(cell.step(weights, with_floats(unravel(vector)), z, dot)))[0]

        return jax.jacfwd(step)(start)

    return jax.vmap(one_seed)(at_rest)


def _retention(at_rest: Trajectory) -> np.ndarray | None:
    """Returns what the first step keeps of the old state `[S, H]`; None where no gate says so."""
    gates = measure.first_gates(at_rest)
    retention = None if gates is None else at_rest.cell.retention(gates)
    if retention is None:
        return None
    # All sequences are the same. A cell of several layers or grids gives an axis for them as well.
    return np.asarray(retention[:, 0], np.float64).reshape(len(retention), -1)
