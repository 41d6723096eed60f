import numpy as np
import pytest

from experiments.gradient_flow.findings import sentences
from experiments.gradient_flow.findings.carriers import of_alignment, of_paths, of_weights
from tests.experiments.gradient_flow.made_up import cell_results, results, said


def with_arrays(**arrays):
    cell = cell_results()
    for name, value in arrays.items():
        cell.arrays[name.replace("__", "/")][:] = value
    return cell


def test_the_paths_that_change_field_are_said_beside_those_that_stay():
    """At distance 6 every norm is that of the whole plus a constant."""
    parts = {"log_norm__path__h": np.log(2e-19), "log_norm__path__c": np.log(0.085), "log_norm__path_rest": -0.03}
    (sentence,) = said(of_paths, with_arrays(log_norm__joint=0.0, **parts))
    assert sentence.startswith("After 5 training steps, 6 steps back in the LSTM, norm of the part of the gradient on")
    assert "LSTM: 0.97 between fields, 2.0 × 10⁻¹⁹ within h, 0.085 within c." in sentence and "cancel" not in sentence
    (sentence,) = said(of_paths, with_arrays(log_norm__joint=0.0, **parts | {"log_norm__path_rest": 1.0}))
    assert "parts cancel" in sentence


@pytest.mark.parametrize("whole", [-np.inf, np.nan])
def test_of_a_gradient_that_is_nowhere_no_paths_are_said(whole):
    assert not said(of_paths, with_arrays(log_norm__joint=whole))
    assert not said(of_paths, cell_results("RNN", fields=("h",), gates=()))


def test_a_gradient_that_misses_the_slow_directions_is_told_by_decades():
    decades = {"gain": -13.0, "largest_gain": -1.9, "random_gain": -2.5}
    arrays = {f"alignment__{name}": np.log(10) * value for name, value in decades.items()}
    (sentence,) = said(of_alignment, with_arrays(**arrays))
    assert "the state of the LSTM keeps something of its past" in sentence
    assert sentence.endswith(": LSTM: 0.013, 3.2 × 10⁻³ and 1.0 × 10⁻¹³.")


def test_no_alignment_is_said_where_one_seed_sees_what_is_slow_or_nothing_was_measured():
    assert not said(of_alignment, cell_results("LSTM", large=True))
    cell = with_arrays(alignment__gain=-20.0, alignment__largest_gain=-1.0)
    assert said(of_alignment, cell)
    cell.arrays["alignment/gain"][-1, 1] = -2.0
    assert not said(of_alignment, cell)
    cell.arrays["alignment/gain"][:] = np.nan
    assert not said(of_alignment, cell)


def test_the_farthest_step_that_adds_to_any_weight_is_said_and_nothing_where_all_do():
    cell = with_arrays(log_norm_weight__b=-20.0, log_norm_weight__w_x=-20.0, log_norm_weight__w_h=0.0)
    for name in ("b", "w_x"):
        cell.arrays[f"log_norm_weight/{name}"][:, :, -1] = 0.0  # the last step
    assert not said(of_weights, cell)
    cell.arrays["log_norm_weight/w_h"][:, :, :5] = -20.0  # t = 1 to 5 of 12, distances 11 to 7
    (sentence,) = said(of_weights, cell)
    assert sentence.startswith("After 5 training steps, training hears little") and sentence.endswith(". LSTM: 6.")
    cell.arrays["log_norm_weight/w_h"][0, 0, 0, 0] = np.nan
    cell.arrays["log_norm_weight/w_h"][-1, 0, 0, 0] = np.nan
    assert not said(of_weights, cell)


def test_all_kinds_of_sentences_are_among_the_findings():
    found = " ".join(sentences(results()))
    assert all(words in found for words in ("within h", "a forward pass takes"))
