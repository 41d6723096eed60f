"""The study's figures, one a file: each has a function `draw`, which returns None where it has nothing to draw."""

from collections.abc import Sequence

from experiments.common.plotting import COLORS, Drawing
from experiments.gradient_flow.figures import (
    alignment,
    axes,
    cost,
    depth,
    gate_gradients,
    gates,
    gates_over_time,
    gradient_map,
    gradient_norm,
    jacobian,
    learning,
    lyapunov,
    paths,
    reach,
    weights,
    zoo,
)
from experiments.gradient_flow.results import StudyResults

IN_DETAIL = (
    gradient_norm,
    reach,
    axes,
    gradient_map,
    paths,
    depth,
    jacobian,
    alignment,
    lyapunov,
    weights,
    gate_gradients,
    gates,
    gates_over_time,
    learning,
)
"""Figures with a colour for every cell of a panel, in the order of the report."""
OF_ANY_NUMBER = (zoo, cost)
"""Figures with a row for every cell."""
PANELS = 6
"""As many families as figures in detail have room for."""


def draw_all(results: StudyResults) -> Sequence[Drawing]:
    """Draws the study; of more cells than there are colours and panels, only what has room for them."""
    panels = results.panels
    in_detail = len(panels) <= PANELS and max(map(len, panels.values())) <= len(COLORS)
    figures = (*(IN_DETAIL if in_detail else ()), *OF_ANY_NUMBER)
    return [drawing for drawing in (figure.draw(results) for figure in figures) if drawing is not None]
