import pytest

from recurrax import GRU, LSTM, RNN, catalogue
from recurrax.catalogue import find_cell, make_cell
from recurrax.wrappers.residual import Residual
from recurrax.wrappers.stack import Stack
from tests.test_cell import Averager


def test_cells_and_wrappers_are_found_by_file_and_bases_are_left_out():
    found = catalogue.modules()
    assert {"recurrax.cells.rnn", "recurrax.cells.lstm", "recurrax.wrappers.stack"} <= set(found)
    assert not {"recurrax.cell", "recurrax.cells._base.gated", "recurrax.wrappers.wrapper"} & set(found)
    assert catalogue.classes_in("recurrax.cells.lstm") == (LSTM,)


def test_no_two_cells_have_one_name():
    names = [cls.__name__.lower() for module in catalogue.modules() for cls in catalogue.classes_in(module)]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize(
    ("name", "cls"),
    [("lstm", LSTM), ("LSTM", LSTM), ("Gru", GRU), ("rnn", RNN), (f"{Averager.__module__}:Averager", Averager)],
)
def test_a_cell_is_found_by_name(name, cls):
    assert find_cell(name) is cls


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lstn", "unknown cell 'lstn'; known are .*gru, .*lstm, .*rnn, .*or module:Class"),
        ("", "unknown cell ''"),
        ("no_such_module:LSTM", "cell 'no_such_module:LSTM' cannot be imported"),
        ("recurrax:LSTN", "cell 'recurrax:LSTN' cannot be imported"),
        (":LSTM", "cell ':LSTM' cannot be imported"),
        ("recurrax:unroll", "'recurrax:unroll' is no subclass of recurrax.Cell"),
        ("jax.numpy:ndarray", "'jax.numpy:ndarray' is no subclass of recurrax.Cell"),
    ],
)
def test_an_unknown_cell_is_named(name, message):
    with pytest.raises(ValueError, match=message):
        find_cell(name)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("lstm", LSTM(8)),
        ("GRU(reset='after')", GRU(8, reset="after")),
        ("lstm(4, forget_bias=-2.0)", LSTM(4, forget_bias=-2.0)),
        ("residual(gru)", Residual(GRU(8))),
        ("stack((lstm, residual(rnn(3))))", Stack((LSTM(8), Residual(RNN(3))))),
        (f"{Averager.__module__}:Averager", Averager()),
    ],
)
def test_a_text_makes_a_cell(text, cell):
    assert make_cell(text, hidden_size=8) == cell


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("lstm(", ValueError, r"cell 'lstm\(' must be a name or like"),
        ("3", ValueError, "cell '3' names no cell"),
        ("residual(lstn)", ValueError, "unknown cell 'lstn'"),
        ("lstm(hidden=3)", TypeError, "unexpected keyword argument 'hidden'"),
        ("lstm(bias_init=open('x'))", ValueError, "unknown cell 'open'"),
        ("lstm(forget_bias=1 if 2 else 3)", ValueError, "may hold names, calls and literals only, not '1 if 2 else 3'"),
        ("lstm(hidden_size=0)", ValueError, "hidden_size must be at least 1, got 0"),
    ],
)
def test_a_text_that_makes_none_is_named(text, error, message):
    with pytest.raises(error, match=message):
        make_cell(text, hidden_size=8)
