import numpy as np

from experiments.gradient_flow.costs import measure_costs
from recurrax import LSTM, RNN


def test_there_is_a_cost_of_every_cell_and_parameters_are_counted():
    costs = measure_costs([RNN(hidden_size=4), LSTM(hidden_size=4)], input_size=3, batch=2, length=5, rounds=2)
    np.testing.assert_array_equal(costs["parameters"], [4 * (3 + 4 + 1), 4 * 4 * (3 + 4 + 1)])
    assert all(costs[name].shape == (2,) and (costs[name] > 0).all() for name in ("forward_ms", "gradient_ms"))
    assert costs["gradient_bytes"].shape == (2,)
