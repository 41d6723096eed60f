"""Every sentence is tried with numbers that must silence it."""

import numpy as np

from experiments.gradient_flow.findings import runs, sentences
from experiments.gradient_flow.findings.runs import not_finite, of_costs
from tests.experiments.gradient_flow.made_up import apart, cell_results, results, said


def test_a_better_learner_is_named_where_seeds_exclude_the_opposite_and_nowhere_else():
    cells = apart()
    assert not said(runs.of_losses, *cells)
    cells[0].arrays["held_out_loss"][-1] = np.array([1.38, 1.39, 1.4])
    cells[1].arrays["held_out_loss"][-1] = np.array([2.07, 2.08, 2.09])
    assert said(runs.of_losses, *cells) == [
        "After 5 training steps, LSTM, a predicts held-out text best, with 2.01 bits per byte. Worse by more than chance "
        "explains: LSTM, b: 3.00."
    ]
    cells[1].arrays["held_out_loss"][-1] = np.array([0.69, 0.7, 0.71])  # it learns more now, with less reach
    (only,) = said(runs.of_losses, *cells)
    assert "LSTM, a keeps 0.088 of its gradient over 12 steps, LSTM, b 6.1" in only
    assert not said(runs.of_losses, cell_results(snapshots=(0,)), snapshots=(0,))


def test_chaos_is_told_with_the_steps_that_float32_lasts_and_a_network_at_its_edge_is_not():
    cell = cell_results()
    assert not said(runs.of_chaos, cell)
    cell.arrays["lyapunov_exponent"][0, :, 0] = 0.16, 0.166, 0.172
    (only,) = said(runs.of_chaos, cell)
    assert only.startswith("At initialisation, these cells are chaotic.") and "in float64" in only
    assert "LSTM: +0.166 nats per step, about 100 steps." in only
    cell.arrays["lyapunov_exponent"][0, :, 0] = -0.1, 0.166, 0.4
    assert not said(runs.of_chaos, cell)


def test_runs_and_gradients_that_are_not_finite_are_counted_and_located():
    cell = cell_results("RNN", ("h",), ())
    assert list(not_finite(cell)) == []
    cell.arrays["first_not_finite"][1, 0] = [7, -1, 9]
    joint = cell.arrays["log_norm/joint"]
    joint[1, 0, :, [0, 2]] = np.nan
    joint[1, 1, :9, 1] = np.nan
    runs, gradients = not_finite(cell)
    assert "after 2 training steps: 2 of 9 runs hold inf or NaN, from step 7 on in the first" in runs
    assert "the gradient of 1 of 9 runs overflows, 4 steps back in the first" in gradients
    assert sentences(results(cell))[:2] == [runs, gradients]


def test_times_are_compared_where_their_intervals_lie_apart_and_nowhere_else():
    both = results(cell_results("RNN", ("h",), ()), cell_results("LSTM"))
    forward, gradient = of_costs(both)
    assert forward.startswith("Here a forward pass takes 1\N{NO-BREAK SPACE}ms in the RNN, the fastest;")
    assert "LSTM: 2 times as long (1.6 to 2.4)" in forward and "a gradient" in gradient
    both.costs["forward_ms/low"][1] = both.costs["forward_ms/high"][0]
    (only,) = of_costs(both)
    assert "a gradient" in only
    both.costs["gradient_ms/high"][0] = 5.0
    assert not list(of_costs(both))


def test_one_program_measured_once_is_named_once():
    cells = [cell_results(label) for label in ("RNN", "LSTM", "LSTM, forget bias 3")]
    three = results(*cells)
    for values in three.costs.values():
        values[2] = values[1]
    assert not any("forget bias 3" in sentence for sentence in of_costs(three))
