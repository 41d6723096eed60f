import numpy as np

from experiments.remedies.figures.gradient_flow import gradient_flow
from tests.experiments.remedies.made_up import comparison, outcome


def test_norms_are_relative_to_the_end_and_medians_over_seeds():
    config = comparison(lengths=(4,), tasks="copy", gradient_norms_batch=2)
    outcomes = []
    for seed, slope in enumerate((1.0, 2.0, 6.0)):
        log_norms = {step: np.log(10) * (-slope * np.arange(4.0) + step) for step in (0, 5, 10)}
        trial = outcome("none", seed, None)
        outcomes.append(trial._replace(trial=trial.trial._replace(task="copy"), log_norms=log_norms))
    drawing = gradient_flow(outcomes, config)
    assert drawing.table["when"] == 4 * ["before"] + 4 * ["during"] + 4 * ["after"]
    np.testing.assert_allclose(
        np.divide(drawing.table["log_relative_norm_nats"], np.log(10)), 3 * [0.0, -2.0, -4.0, -6.0], atol=1e-12
    )
    assert drawing.table["distance_steps"] == 3 * [0, 1, 2, 3]
