"""The figures of a comparison, one a file."""

from collections.abc import Sequence

from experiments.common.plotting import Drawing
from experiments.remedies.config import Comparison
from experiments.remedies.effects import reported
from experiments.remedies.figures._panels import MOST
from experiments.remedies.figures.differences import differences
from experiments.remedies.figures.gradient_flow import gradient_flow
from experiments.remedies.figures.lengths import lengths
from experiments.remedies.figures.reach import reach
from experiments.remedies.figures.success import success
from experiments.remedies.results import Outcome


def draw_all(outcomes: Sequence[Outcome], config: Comparison) -> list[Drawing]:
    """Draws all figures that the outcomes have something for."""
    if not reported(outcomes):
        return []
    drawings = [success(outcomes, config)]
    if len(config.lengths) > 1:
        drawings.append(lengths(outcomes, config))
    if len(config.remedies) > 1:
        drawings.append(differences(outcomes, config))
    if config.gradient_norms_batch:
        drawings.append(gradient_flow(outcomes, config) if len(config.remedies) <= MOST else reach(outcomes, config))
    return drawings
