import numpy as np

from experiments.remedies.figures.reach import reach
from tests.experiments.remedies.made_up import comparison, outcome


def test_reach_is_the_norm_at_the_greatest_distance_that_there_is_over_that_at_the_answer():
    config = comparison(gradient_norms_batch=2)
    log_norms = {0: np.array([1.0, 0.0, -4.0, np.nan]), 10: np.array([1.0, 1.0, 1.0, 1.0])}
    outcomes = [outcome("clip_norm(1.0)", n, None)._replace(log_norms=log_norms) for n in range(2)]
    drawing = reach(outcomes, config)
    assert drawing.table["when"] == ["before", "after"] and drawing.table["log_reach_nats"] == [-5.0, 0.0]
    assert set(drawing.table["remedy"]) == {"clip_norm(1.0)"}
