import math

import pytest

from experiments.train.figures.learning import learning
from recurrax.tasks.adding import Adding
from tests.experiments.train.curves import curve
from tests.experiments.training.small import config


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_table_holds_every_line_and_the_curves_are_those_lines(seeds):
    drawing = learning([curve(seed) for seed in range(seeds)], config(seeds=seeds), Adding(24))
    assert drawing.table["training_step"] == seeds * [0, 2, 4] and drawing.table["eval_loss"] == seeds * [
        0.2,
        None,
        0.001,
    ]
    loss, error, norm = drawing.figure.axes
    assert [list(line.get_ydata()) for line in norm.lines] == seeds * [[1.0, 2.0]]
    training = loss.lines[0].get_ydata()
    assert math.isnan(training[0]) and training[1] == 0.1
    assert {"training", "held out", "chance"} <= set(loss.get_legend_handles_labels()[1])
    assert ("3 seeds" in drawing.caption) == (seeds == 3)
