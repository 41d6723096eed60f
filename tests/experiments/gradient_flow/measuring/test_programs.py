import pytest

from experiments.gradient_flow.measuring.programs import share_programs
from recurrax.catalogue import make_cell


def shares(*texts):
    """Returns the number of the program of every cell."""
    cells = [make_cell(text, hidden_size=4) for text in texts]
    programs = share_programs(cells, input_size=3)
    return [cells.index(program) for program in programs]


def test_cells_that_differ_in_how_they_are_drawn_alone_share_a_program():
    drawn = "rnn(recurrent_init=identity, input_init=torch_uniform)"
    assert shares("rnn", drawn, "lstm", "lstm(forget_bias=3.0)", "gru", "gru(forget_bias=3.0)") == [0, 0, 2, 2, 4, 4]


@pytest.mark.parametrize(
    "texts",
    [
        ("rnn", "rnn(activation=relu)"),
        ("rnn", "rnn(use_bias=False)"),
        ("gru", "gru(reset=after)"),
        ("clockwork_rnn(periods=(1, 2))", "clockwork_rnn(periods=(1, 4))"),  # a constant array alone
        ("leaky_rnn(time_step=1.0)", "leaky_rnn(time_step=0.5)"),  # a constant number alone
        ("stack((rnn, gru))", "stack((rnn, gru(reset=after)))"),
    ],
)
def test_cells_of_other_equations_do_not(texts):
    assert shares(*texts) == [0, 1]
