import pytest

from experiments.common.errors import ExperimentError
from experiments.common.own_code import of_own_code
from recurrax import LSTM, Stack
from tests.experiments.cells import WithoutCarry


@pytest.mark.parametrize("cell", [WithoutCarry(3), Stack((LSTM(3), WithoutCarry(3)))])
def test_what_a_cell_of_ones_own_raises_names_it_and_the_place(cell):
    with pytest.raises(ExperimentError) as error, of_own_code("config.cells", "mine", cell):
        (cell.layers[-1] if cell.layers else cell).initial_carry(None)
    first, second = str(error.value).splitlines()
    assert first.startswith("config.cells: mine raised RuntimeError in initial_carry, ") and "cells.py, line" in first
    assert second == "no carry"


def test_what_happens_in_a_cell_of_the_library_is_let_through():
    with pytest.raises(KeyError), of_own_code("config.cells", "lstm", LSTM(3)):
        raise KeyError
