import numpy as np
import pytest

from experiments.gradient_flow.findings import _power, not_finite, sentences, summary
from tests.experiments.gradient_flow.made_up import cell_results, results


def test_the_table_has_a_row_per_cell_and_end_of_the_training():
    table = summary(results())
    assert [row[:2] for row in table.rows] == [
        ("RNN", "at initialisation"), ("", "after 5 training steps"),
        ("LSTM", "at initialisation"), ("", "after 5 training steps"),
    ]  # fmt: skip
    assert all(len(row) == len(table.header) for row in table.rows)
    assert table.rows[0][5:7] == ("-", "5.77") and table.rows[2][5] == "2.0 steps"


def test_cells_are_ranked_by_what_is_left_of_the_gradient():
    first = sentences(results())[0]
    assert first.startswith(
        "At initialisation, of the gradient norm at the loss there is left 12 steps back: LSTM 2.5e-3"
    )


def test_a_gradient_that_is_zero_everywhere_has_no_shares_by_path():
    cell = cell_results()
    cell.arrays["log_norm/joint"][:] = -np.inf
    assert not [sentence for sentence in sentences(results(cell)) if "alone" in sentence]


@pytest.mark.parametrize(
    ("log_ratio", "text"),
    [
        (0.0, "1"),
        (np.log(0.025), "0.025"),
        (-400.0, "1.9e-174"),
        (-np.inf, "0"),
        (np.inf, "inf"),
        (np.nan, "undefined"),
    ],
)
def test_a_ratio_is_written_though_a_float_could_not_hold_it(log_ratio, text):
    assert _power(log_ratio) == text


def test_runs_and_gradients_that_are_not_finite_are_counted_and_located():
    cell = cell_results("RNN", ("h",), ())
    assert list(not_finite(cell)) == []
    cell.arrays["first_not_finite"][1, 0] = [7, -1, 9]
    joint = cell.arrays["log_norm/joint"]
    joint[1, 0, :, [0, 2]] = np.nan
    joint[1, 1, :9, 1] = np.nan
    runs, gradients = not_finite(cell)
    assert "after 2 training steps: 2 of 6 runs hold inf or NaN, from step 7 on in the first" in runs
    assert "the gradient of 1 of 6 runs overflows, 4 steps back in the first" in gradients
    assert sentences(results(cell))[:2] == [runs, gradients]
