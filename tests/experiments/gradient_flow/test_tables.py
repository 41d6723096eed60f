import dataclasses

from experiments.gradient_flow.tables import starts, summary
from recurrax.catalogue import make_cell
from tests.experiments.gradient_flow.made_up import cell_results, results


def test_the_table_has_a_row_per_cell_and_end_of_the_training():
    table = summary(results())
    assert [row[:2] for row in table.rows] == [
        ("RNN", "at initialisation"), ("", "after 5 training steps"),
        ("LSTM", "at initialisation"), ("", "after 5 training steps"),
    ]  # fmt: skip
    assert all(len(row) == len(table.header) for row in table.rows)
    assert table.rows[0][6:8] == ("-", "5.77") and table.rows[2][6] == "2.0 steps"
    assert [row[3] for row in table.rows] == ["2", "2", "3", "3"] or table.rows[0][3] in ("1", "2")


def start_of(text):
    cell = cell_results()
    made = dataclasses.replace(cell.variant, cell=make_cell(text, hidden_size=4))
    table = starts(results(dataclasses.replace(cell, variant=made)))
    return table.rows[0], table.note


def test_it_says_how_weights_are_drawn_and_which_biases_the_forget_bias_shifts():
    row, note = start_of("lstm(forget_bias=3.0, recurrent_init=gaussian(gain=0.5))")
    assert row[1] == "Independent normal entries of standard deviation 0.5 / sqrt(N), N the number of rows"
    assert row[3] == "All zeros, +3 on f" and row[4] == "i 0.25, f 0.25"
    assert "LSTM: forget_bias is added to b_f when it is drawn" in note
    row, note = start_of("gru(forget_bias=1.0)")
    assert row[3] == "All zeros, -1 on z" and "1 - z = sigmoid(forget_bias)" in note


def test_a_cell_without_such_fields_says_nothing_of_them():
    row, note = start_of("rnn")
    assert row[3] == "All zeros" and "forget_bias" not in note
