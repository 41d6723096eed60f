import numpy as np
import pytest

from experiments.gradient_flow.findings_of_carriers import of_alignment, of_costs, of_paths, of_weights, sentences
from tests.experiments.gradient_flow.made_up import cell_results, results


def with_arrays(**arrays):
    cell = cell_results()
    for name, value in arrays.items():
        cell.arrays[name.replace("__", "/")][:] = value
    return cell


def test_the_paths_that_change_field_are_said_beside_those_that_stay():
    """At distance 6 every norm is that of the whole plus a constant."""
    parts = {"log_norm__path__h": np.log(2e-19), "log_norm__path__c": np.log(0.085), "log_norm__path_rest": -0.03}
    (sentence,) = of_paths(with_arrays(log_norm__joint=0.0, **parts))
    plain = sentence.replace("\N{NO-BREAK SPACE}", " ")
    assert plain.startswith("After 5 training steps, 6 steps back in the LSTM, of the norm of the gradient there is ")
    assert "in h 2.0 × 10⁻¹⁹" in plain and "in c 0.085" in plain and "change between them 0.97" in plain
    assert "cancel" not in plain
    (sentence,) = of_paths(with_arrays(log_norm__joint=0.0, **parts | {"log_norm__path_rest": 1.0}))
    assert "they cancel in part" in sentence


@pytest.mark.parametrize("whole", [-np.inf, np.nan])
def test_of_a_gradient_that_is_nowhere_no_paths_are_said(whole):
    assert not list(of_paths(with_arrays(log_norm__joint=whole)))
    assert not list(of_paths(cell_results("RNN", fields=("h",), gates=())))


def test_a_gradient_that_misses_the_slow_directions_is_told_by_decades():
    decades = {"gain": -13.0, "largest_gain": -1.9, "random_gain": -2.5}
    arrays = {f"alignment__{name}": np.log(10) * value for name, value in decades.items()}
    (sentence,) = of_alignment(with_arrays(**arrays))
    plain = sentence.replace("\N{NO-BREAK SPACE}", " ")
    assert "does not see the slow directions of the LSTM" in plain
    assert "direction 0.013 of" in plain and "there is 1.0 × 10⁻¹³, 1.3 × 10¹¹ times less" in plain


def test_no_alignment_is_said_where_one_seed_sees_what_is_slow_or_nothing_was_measured():
    assert not list(of_alignment(cell_results("LSTM", large=True)))
    cell = with_arrays(alignment__gain=-20.0, alignment__largest_gain=-1.0)
    assert list(of_alignment(cell))
    cell.arrays["alignment/gain"][-1, 1] = -2.0
    assert not list(of_alignment(cell))
    cell.arrays["alignment/gain"][:] = np.nan
    assert not list(of_alignment(cell))


def test_the_farthest_step_that_adds_to_any_weight_is_said_and_nothing_where_all_do():
    cell = with_arrays(log_norm_weight__b=-20.0, log_norm_weight__w_x=-20.0, log_norm_weight__w_h=0.0)
    for name in ("b", "w_x"):
        cell.arrays[f"log_norm_weight/{name}"][:, :, -1] = 0.0  # the last step
    assert not list(of_weights(cell))
    cell.arrays["log_norm_weight/w_h"][:, :, :5] = -20.0  # t = 1 to 5 of 12, distances 11 to 7
    (sentence,) = of_weights(cell)
    assert sentence.startswith("After 5 training steps, no step more than 6 back adds as much as a hundredth")
    cell.arrays["log_norm_weight/w_h"][0, 0, 0, 0] = np.nan
    cell.arrays["log_norm_weight/w_h"][-1, 0, 0, 0] = np.nan
    assert not list(of_weights(cell))


def test_times_are_compared_where_their_intervals_lie_apart_and_nowhere_else():
    both = results(cell_results("RNN", ("h",), ()), cell_results("LSTM"))
    forward, gradient = of_costs(both)
    assert forward.startswith("Here a forward pass takes 1\N{NO-BREAK SPACE}ms in the RNN, the fastest;")
    assert "in the LSTM 2 times as long (1.6 to 2.4)" in forward and "a gradient" in gradient
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


def test_all_kinds_of_sentences_are_among_the_findings():
    found = " ".join(sentences(results()))
    assert all(words in found for words in ("on paths that stay", "a forward pass takes"))
