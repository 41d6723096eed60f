"""Every sentence is tried with numbers that must silence it."""

import dataclasses

import numpy as np
import pytest

from experiments.gradient_flow.findings import _words, reach, runs, sentences
from tests.experiments.gradient_flow.made_up import apart, cell_results, results, said


def together():
    return cell_results("LSTM, a", rate=0.5, scatter=0.3), cell_results("LSTM, b", rate=0.52, scatter=0.3, key=1)


def test_the_reach_of_every_start_is_given_at_both_ends_of_the_training():
    (only,) = said(reach.of_reach, *apart())
    assert only.startswith(
        "LSTM: 12 steps before the loss, at initialisation and after 5 training steps, this much of the gradient norm "
        "is left (median of 3 seeds): a: 0.09"
    )
    assert "; b: 6." in only and only.count(" and ") == 3


def test_of_too_many_families_one_sentence_tells_the_reach_in_order(monkeypatch):
    monkeypatch.setattr(_words, "FEW", 1)
    cells = cell_results("RNN", ("h",), (), rate=1.0), cell_results("LSTM", rate=0.1)
    (only,) = said(reach.of_reach, *cells)
    assert only.startswith("At initialisation, 12 steps before the loss") and "most first: and 1 more" in only


def test_an_order_is_claimed_where_seeds_exclude_the_opposite_and_nowhere_else():
    first = said(reach.of_order, *apart())[0]
    assert first.startswith("At initialisation, 12 steps back, these starts keep more than others of their family")
    assert "LSTM, a: 1.5 × 10⁴ times as much as b." in first
    assert not said(reach.of_order, *together())


def test_what_a_step_keeps_is_said_beside_what_was_measured_and_a_state_too_large_for_it_says_nothing():
    cell = cell_results("LSTM", rate=0.5)
    cell.arrays["lyapunov_exponent"][0, :, 0] = np.log(0.7)
    (only,) = said(reach.of_starts, cell)
    assert only.endswith("LSTM: 0.75, of which its gates alone 0.78; measured 0.7.")
    plain = cell_results("RNN", ("h",), ())
    plain.arrays["lyapunov_exponent"][0, :, 0] = np.log(0.9)
    assert said(reach.of_starts, plain)[0].endswith("RNN: 0.75; measured 0.9.")
    plain.arrays["lyapunov_exponent"][0, 0, 0] = np.nan
    assert not said(reach.of_starts, plain)
    assert not said(reach.of_starts, cell_results("LSTM", large=True))


def test_a_change_by_training_is_claimed_where_all_seeds_agree_and_nowhere_else():
    cell = cell_results(scatter=0.001)
    assert not said(reach.of_training, cell)
    cell.arrays["log_norm/joint"][-1, :, 0] -= np.array([[4.0], [4.1], [4.2]])
    (only,) = said(reach.of_training, cell)
    assert only.startswith("5 training steps changed what is left 12 steps back") and "LSTM: 61 times less." in only
    cell.arrays["log_norm/joint"][-1, 0, 0] += 60.0
    assert not said(reach.of_training, cell)
    assert not said(reach.of_training, cell_results(snapshots=(0,)), snapshots=(0,))


def test_a_dip_between_both_ends_is_told_and_a_steady_fall_is_not():
    cell = cell_results(scatter=0.001)
    assert not said(reach.of_dips, cell)
    cell.arrays["log_norm/joint"][1, :, 0] -= np.array([[9.0], [9.1], [9.2]])
    (only,) = said(reach.of_dips, cell)
    assert only.startswith("While these cells learn, less is left 12 steps back than at initialisation and at the end")
    assert only.endswith(": LSTM: 2.8 × 10⁻⁷ at training step 2.")
    cell.arrays["log_norm/joint"][2, :, 0] -= 20.0
    assert not said(reach.of_dips, cell)


@pytest.mark.parametrize("generator", [reach.of_order, reach.of_training, reach.of_dips, runs.of_chaos])
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
    for generator in (reach.of_order, reach.of_training, reach.of_dips):
        assert not said(generator, cell)
