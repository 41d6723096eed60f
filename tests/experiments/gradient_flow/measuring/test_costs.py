import time

import numpy as np

from experiments.gradient_flow.measuring import costs
from experiments.gradient_flow.measuring.costs import in_rounds, measure_costs
from recurrax import LSTM, RNN


def test_there_is_a_cost_of_every_cell_and_parameters_are_counted():
    found = measure_costs([RNN(hidden_size=4), LSTM(hidden_size=4)], input_size=3, batch=2, length=5, seconds=0)
    np.testing.assert_array_equal(found["parameters"], [4 * (3 + 4 + 1), 4 * 4 * (3 + 4 + 1)])
    assert all(values.shape == (2,) for values in found.values())
    for name in ("forward_ms", "gradient_ms"):
        assert (0 < found[f"{name}/low"]).all()
        assert (found[f"{name}/low"] <= found[name]).all() and (found[name] <= found[f"{name}/high"]).all()
    assert (found["rounds"] == costs.LEAST).all()


def test_rounds_end_when_medians_are_known_or_the_time_is_over(monkeypatch):
    """A clock of our own: one callable takes 2 ms every time, the other now 1 ms and now 100."""
    now, turns = [0.0], [0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def steady():
        now[0] += 0.002

    def uneven():
        turns[0] += 1
        now[0] += 0.1 if turns[0] % 2 else 0.001

    ms = in_rounds([steady, steady], seconds=100)
    np.testing.assert_allclose(ms, 2.0)
    assert len(ms) == costs.LEAST
    assert len(in_rounds([steady, uneven], seconds=2.0)) in range(30, 50)
    assert len(in_rounds([steady, uneven], seconds=1e9)) == costs.MOST
