import numpy as np

from experiments.train.figures.gradient_flow import gradient_flow
from tests.experiments.train.curves import curve
from tests.experiments.training.small import config


def test_it_draws_a_few_measurements_and_its_table_holds_all():
    curves = [curve(0), curve(1)]
    drawing = gradient_flow(curves, config(seeds=2))
    labels = [line.get_label() for line in drawing.figure.axes[0].lines]
    assert labels[0] == "at initialisation" and labels[-1] == "after 12 steps" and len(labels) == 5
    assert sorted(set(drawing.table["training_step"])) == list(range(0, 14, 2))
    # Distance 0 is the last state; over two seeds and two sequences each.
    assert drawing.table["distance"][:5] == list(range(5))
    assert drawing.table["median"][0] in np.unique(curves[0].log_norms[0][-1])
