import pytest

from experiments.common.cells import why_it_cannot_run
from recurrax import LSTM
from recurrax.cells.conv_lstm import ConvLSTM
from recurrax.wrappers.dropout import Dropout
from tests.experiments.cells import WithoutCarry, WithWrongShapes


@pytest.mark.parametrize("cell", [LSTM(3), Dropout(LSTM(3))])
def test_a_cell_that_runs_has_nothing_wrong(cell):
    assert why_it_cannot_run(cell, 2) is None


def test_a_cell_of_images_is_named():
    assert "ConvLSTM(hidden_size=3" in (reason := why_it_cannot_run(ConvLSTM(3), 2)) and "3 axes" in reason


def test_a_bug_in_a_cell_is_named_with_its_line():
    reason = why_it_cannot_run(WithoutCarry(3), 2)
    assert "WithoutCarry(" in reason and "cannot run: RuntimeError: no carry" in reason
    assert "cells.py, line " in reason


def test_of_a_bug_that_shows_within_jax_the_line_of_the_cell_is_named():
    reason = why_it_cannot_run(WithWrongShapes(3), 2)
    assert "WithWrongShapes(" in reason and "cells.py, line " in reason and "site-packages" not in reason
