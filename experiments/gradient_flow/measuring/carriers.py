"""What carries the gradient of the last loss: directions of the state, weights and gates; and gates step by step.

Measured before and after training only, as `measure.at_end` is.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.gradient_flow.measuring.language_model import Model
from experiments.gradient_flow.measuring.measure import LARGE_STATE, first_gates, named, state_size
from experiments.gradient_flow.measuring.sources import Source
from recurrax import gradflow
from recurrax.gradflow.trajectory import Trajectory


def carriers(source: Source, models: Model, paths: Trajectory, few: Trajectory, targets: Any) -> dict[str, np.ndarray]:
    """Returns arrays by name; S seeds, T steps, B sequences, B' of them for what costs far more than all else.

    * `alignment/...` `[S, T+1, B']`: log gains and the log share of `gradflow.gradient_alignment`;
      `leading_directions` `[S, T+1]`, by distance: how many lead, the mean over sequences. Not of a state larger than
      `measure.LARGE_STATE`.
    * `log_norm_weight/...` and `log_norm_gate/...` `[S, T, B]`: what each step adds to the gradient of a weight, and
      the gradient by what a gate is given, of a cell with gates; not of a stack, whose layers project their inputs one
      by one.
    * `gate_over_time/...` `[S, T]`: mean and quantiles over units and sequences. Of a cell with gates.
    * `layers`: how many the cell has, 0 for one that is no composition in depth.

    Args:
      source: what drives the cells.
      models: one of every seed.
      paths: their trajectories over the sequences of a snapshot.
      few: those over the first B' of these sequences.
      targets: what the loss at the last step compares with.
    """
    gated, layers = first_gates(paths) is not None, len(paths.cell.layers)
    by_step = _by_step(source, gated and not layers, models, paths, targets)
    measured: dict[str, Any] = {"layers": np.array(layers), **by_step}
    if state_size(few) <= LARGE_STATE:
        size = few.run.batch_shape[-1]
        measured |= _alignment(source, models, few, jax.tree.map(lambda a: a[:, :size], targets))
    if gated:
        measured |= {"gate_over_time": _gates_over_time(paths)}
    return named(measured)


@functools.partial(jax.jit, static_argnums=0)
def _alignment(source, models, paths, targets):
    def one_seed(model, path):
        def loss(ys, carry):
            return source.last_loss(model.readout, ys, targets)

        found = gradflow.gradient_alignment(path, loss)._asdict()
        leading = found.pop("leading").mean(-1)[::-1]
        return {"alignment": {name.removeprefix("log_"): a for name, a in found.items()}, "leading_directions": leading}

    return jax.vmap(one_seed)(models, paths)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _by_step(source, gated, models, paths, targets):
    def one_seed(model, path):
        def loss(ys, carry):
            return source.last_loss(model.readout, ys, targets)

        norms = gradflow.parameter_norms(path, loss)
        return {"log_norm_weight": norms.weights, **({"log_norm_gate": norms.gates} if gated else {})}

    return jax.vmap(one_seed)(models, paths)


@jax.jit
def _gates_over_time(paths):
    """Returns of every gate and step the mean and two quantiles over sequences and units, by statistic."""

    def one_seed(path):
        def of(statistic):
            return jax.tree.map(lambda a: statistic(a.reshape(len(a), -1)), activations)

        activations = gradflow.gate_activations(path)
        quantiles = {f"q{q}": functools.partial(jnp.quantile, q=q / 100, axis=-1) for q in (10, 90)}
        statistics = {"mean": functools.partial(jnp.mean, axis=-1), **quantiles}
        return {name: of(statistic) for name, statistic in statistics.items()}

    return jax.vmap(one_seed)(paths)
