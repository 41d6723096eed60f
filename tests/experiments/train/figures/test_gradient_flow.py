import numpy as np

from experiments.train.figures.gradient_flow import gradient_flow
from experiments.training.measure import Flow
from tests.experiments.train.curves import curve, flow
from tests.experiments.training.small import config


def test_it_draws_a_few_measurements_and_its_table_holds_all():
    curves = [curve(n)._replace(flows={step: flow(-0.1 * step) for step in range(0, 14, 2)}) for n in range(2)]
    drawing = gradient_flow(curves, config(seeds=2))
    labels = [line.get_label() for line in drawing.figure.axes[0].lines]
    assert labels[0] == "at initialisation" and labels[-1] == "after 12 steps" and len(labels) == 5
    assert sorted(set(drawing.table["training_step"])) == list(range(0, 14, 2))
    assert drawing.table["distance_steps"][:5] == list(range(5))
    over_seeds_and_sequences = np.concatenate([curve.flows[0].log_norms[0] for curve in curves])
    assert drawing.table["log_norm_median_nats"][0] == np.median(over_seeds_and_sequences)


def test_a_sequence_that_is_short_does_not_count_as_not_finite():
    short, broken = np.array([4, 1]), curve().flows[0].log_norms.copy()
    broken[2:, 1] = np.nan
    drawn = gradient_flow([curve()._replace(flows={0: Flow(broken, short)})], config())
    assert [line.get_label() for line in drawn.figure.axes[0].lines] == ["at initialisation"]
    drawn = gradient_flow([curve()._replace(flows={0: Flow(broken, np.array([4, 4]))})], config())
    assert [line.get_label() for line in drawn.figure.axes[0].lines] == ["at initialisation (1 of 2 not finite)"]
