"""Every sentence is tried with numbers that must silence it."""

import dataclasses

import numpy as np
import pytest

from experiments.gradient_flow import findings
from experiments.gradient_flow.findings import not_finite, sentences
from tests.experiments.gradient_flow.made_up import SEEDS, STEPS, cell_results, results


def said(generator, *cells, **options):
    return [sentence.replace("\N{NO-BREAK SPACE}", " ") for sentence in generator(results(*cells, **options))]


def apart():
    """Two starts of one family whose reaches differ by far more than their seeds."""
    return cell_results("LSTM, a", rate=0.2, scatter=0.002), cell_results("LSTM, b", rate=1.0, scatter=0.002, key=1)


def together():
    return cell_results("LSTM, a", rate=0.5, scatter=0.3), cell_results("LSTM, b", rate=0.52, scatter=0.3, key=1)


def test_the_reach_of_every_start_is_given_with_the_range_of_its_seeds():
    first = said(findings.of_reach, *apart())[0]
    assert first.startswith(
        "At initialisation, 12 steps before the loss, this much of the norm at the loss is left in the LSTM (median of "
        "3 seeds, lowest to highest in brackets): a 0.09"
    )
    assert "; b 6." in first and len(said(findings.of_reach, *apart())) == 2


def test_an_order_is_claimed_where_seeds_exclude_the_opposite_and_nowhere_else():
    first = said(findings.of_order, *apart())[0]
    assert first.startswith(
        "At initialisation, starts of the LSTM differ by more than their seeds do: a keeps 1.5 × 10⁴"
    )
    assert not said(findings.of_order, *together())


def test_gates_are_set_beside_what_was_measured_and_a_cell_without_gates_says_nothing():
    only = said(findings.of_gates, cell_results("LSTM", rate=0.5))
    assert only == [
        "Before training, the gates of the LSTM alone keep this much of its state without input, beside the share of the "
        "whole gradient that was measured: LSTM: 0.78 a step, hence 0.05 after 12, and 2.5 × 10⁻³ measured."
    ]
    assert not said(findings.of_gates, cell_results("RNN", ("h",), ()))


def test_a_time_scale_is_given_to_exponentials_alone():
    cell = cell_results("RNN", ("h",), ())
    falls, *_ = said(findings.of_time_scales, cell)
    assert "to 1/e every τ steps. RNN: τ = 2.0 ± 0.1 (k = " in falls
    distance = np.arange(STEPS, -1, -1)[:, None]
    cell.arrays["log_norm/joint"] = np.broadcast_to(0.5 * (distance - 6.0) ** 2, (3, SEEDS, STEPS + 1, 3))
    bent = said(findings.of_time_scales, cell)
    assert bent[0].endswith("so that no τ is given: RNN.") and len(bent) == 2
    cell.arrays["log_norm/joint"] = np.zeros((3, SEEDS, STEPS + 1, 3))
    assert not said(findings.of_time_scales, cell)


def test_a_change_by_training_is_claimed_where_all_seeds_agree_and_nowhere_else():
    cell = cell_results(scatter=0.001)
    assert not said(findings.of_training, cell)
    cell.arrays["log_norm/joint"][-1, :, 0] -= np.array([[4.0], [4.1], [4.2]])
    (only,) = said(findings.of_training, cell)
    assert only.startswith("LSTM: after 5 training steps, 61 times less of the gradient norm is left 12 steps back")
    cell.arrays["log_norm/joint"][-1, 0, 0] += 60.0
    assert not said(findings.of_training, cell)
    assert not said(findings.of_training, cell_results(snapshots=(0,)), snapshots=(0,))


def test_a_dip_between_both_ends_is_told_and_a_steady_fall_is_not():
    cell = cell_results(scatter=0.001)
    assert not said(findings.of_dips, cell)
    cell.arrays["log_norm/joint"][1, :, 0] -= np.array([[9.0], [9.1], [9.2]])
    (only,) = said(findings.of_dips, cell)
    assert only.startswith("LSTM: the reach dips while it learns. At training step 2 there is 2.8 × 10⁻⁷ left 12 steps")
    cell.arrays["log_norm/joint"][2, :, 0] -= 20.0
    assert not said(findings.of_dips, cell)


def test_a_better_learner_is_named_where_seeds_exclude_the_opposite_and_nowhere_else():
    cells = apart()
    assert not said(findings.of_losses, *cells)
    cells[0].arrays["held_out_loss"][-1] = np.array([1.38, 1.39, 1.4])
    cells[1].arrays["held_out_loss"][-1] = np.array([2.07, 2.08, 2.09])
    assert said(findings.of_losses, *cells) == [
        "After 5 training steps, LSTM, a predicts held-out text best, with 2.01 bits per byte; worse beyond what seeds "
        "explain: LSTM, b 3.00."
    ]
    assert not said(findings.of_losses, cell_results(snapshots=(0,)), snapshots=(0,))


def test_chaos_is_told_with_the_steps_that_float32_lasts_and_a_network_at_its_edge_is_not():
    cell = cell_results()
    assert not said(findings.of_chaos, cell)
    cell.arrays["lyapunov_exponent"][0, :, 0] = 0.16, 0.166, 0.172
    (only,) = said(findings.of_chaos, cell)
    assert "At initialisation, LSTM is chaotic: its leading exponent is +0.166 nats per step." in only
    assert "in about 100 steps" in only and "in float64" in only
    cell.arrays["lyapunov_exponent"][0, :, 0] = -0.1, 0.166, 0.4
    assert not said(findings.of_chaos, cell)


@pytest.mark.parametrize("generator", [findings.of_order, findings.of_training, findings.of_dips, findings.of_chaos])
def test_one_seed_claims_nothing(generator):
    cells = apart()
    one = [
        dataclasses.replace(
            cell, arrays={k: a[:, :1] if k.startswith(("log_norm", "lyap")) else a for k, a in cell.arrays.items()}
        )
        for cell in cells
    ]
    one[0].arrays["lyapunov_exponent"][:] = 0.5
    assert not said(generator, *one)


def test_a_gradient_that_is_zero_everywhere_claims_nothing_and_gives_sentences():
    cell = cell_results()
    cell.arrays["log_norm/joint"][:] = -np.inf
    assert sentences(results(cell, cell_results("LSTM, b")))
    for generator in (findings.of_order, findings.of_training, findings.of_dips):
        assert not said(generator, cell)


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
