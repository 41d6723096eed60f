import numpy as np

from experiments.remedies.figures.gradient_flow import gradient_flow
from tests.experiments.remedies.made_up import comparison, outcome


def test_norms_are_relative_to_the_end_and_medians_over_seeds():
    config = comparison(gradient_norms_batch=2)
    outcomes = []
    for seed, slope in enumerate((1.0, 2.0, 6.0)):
        log_norms = {step: -slope * np.arange(4.0) + step for step in (0, 5, 10)}
        outcomes.append(outcome("none", seed, None)._replace(log_norms=log_norms))
    drawing = gradient_flow(outcomes, config)
    assert drawing.table["when"] == 4 * ["before"] + 4 * ["during"] + 4 * ["after"]
    np.testing.assert_allclose(drawing.table["log_relative_norm_nats"], 3 * [0.0, -2.0, -4.0, -6.0], atol=1e-12)
    assert drawing.table["distance_steps"] == 3 * [0, 1, 2, 3]
    assert len({ax.get_ylim() for ax in drawing.figure.axes}) == 1
