"""The figure of gradient norms against distance, while a network learns."""

from collections.abc import Sequence

import numpy as np

from experiments.common.bands import band, missing
from experiments.common.plotting import Drawing, Rows, color, dash, draw_band, new_figure, powers_of_ten, styled
from experiments.training.config import Training
from experiments.training.measure import together
from experiments.training.results import Curve
from recurrax._util import naming


@styled
def gradient_flow(curves: Sequence[Curve], config: Training) -> Drawing:
    """Draws the norm of dL/ds_{t-k} against k, L being the loss of the last answer, asked for in step t.

    One curve per measurement, over all seeds that were in training then.
    """
    figure, axes = new_figure(1, 1, width=6.4, height=4.2)
    ax = axes[0, 0]
    rows = Rows("training_step", "distance_steps", "log_norm_q10_nats", "log_norm_median_nats", "log_norm_q90_nats")
    steps = sorted({step for curve in curves for step in curve.flows})
    flows = {s: together([curve.flows[s] for curve in curves if s in curve.flows]) for s in steps}
    bands = {step: band(flow.log_norms) for step, flow in flows.items()}
    for n, step in enumerate(_few(steps)):
        name = "at initialisation" if step == 0 else f"after {step} steps"
        label = name + missing(np.where(flows[step].exists, flows[step].log_norms, 0))
        draw_band(ax, bands[step], color=color(n), alpha=0.12, linestyle=dash(n), label=label)
    for step, b in bands.items():
        rows.add(step, range(len(b.median)), b.low, b.median, b.high)
    powers_of_ten(ax.yaxis)
    ax.set_xlabel("distance k from the last answer (steps)")
    ax.set_ylabel("norm of ∂L/∂s$_{t-k}$")
    ax.legend(title="median; shaded: 10 % to 90 %", title_fontsize="small")
    seeds = "" if len(curves) == 1 else "the seeds then in training and "
    caption = (
        "Norm of the total gradient of one answer's loss, the last one asked for in step t, with respect to the whole "
        f"state k steps before: median over {seeds}{config.gradient_norms.batch} held-out sequences, as far as each "
        "goes back; shaded: 10 % to 90 %. "
        f"{naming.label(config.cells)} on {config.tasks}."
    )
    return Drawing("gradient_flow", "Gradient norm against distance, while it learns", figure, rows.columns, caption)


def _few(steps: list[int], most: int = 5) -> list[int]:
    """Returns at most so many of them, evenly spread, the first and the last among them."""
    if len(steps) <= most:
        return steps
    return [steps[round(n * (len(steps) - 1) / (most - 1))] for n in range(most)]
