import dataclasses

import jax
import pytest

from recurrax import GRU, LSTM, cells
from recurrax.cells._base.forget_bias import DefaultForgetBias, settled_forget_bias
from recurrax.initializers import Chrono
from tests.cells import cases


def test_the_default_gives_way_where_there_is_no_bias_and_a_wish_does_not():
    assert settled_forget_bias(DefaultForgetBias(1.0), use_bias=True) == 1.0
    assert settled_forget_bias(DefaultForgetBias(1.0), use_bias=False) == 0.0
    for wish in (1.0, Chrono(9.0)):
        assert settled_forget_bias(wish, use_bias=True) == wish
        with pytest.raises(ValueError, match="^forget_bias must be 0 where use_bias is False, got .*; leave it out"):
            settled_forget_bias(wish, use_bias=False)


def test_every_cell_with_a_forget_bias_can_be_had_without_biases():
    names = {"use_bias", "forget_bias"}
    classes = [cls for cls in cases.UNITS if names <= {field.name for field in dataclasses.fields(cls)}]
    assert {LSTM, GRU, cells.MLSTM} < set(classes)
    for cls in classes:
        assert cls(hidden_size=4, use_bias=False).forget_bias == 0


def test_a_default_is_a_plain_number_to_those_who_compare_print_or_replace_it():
    assert LSTM(4) == LSTM(4, forget_bias=1.0) and hash(LSTM(4)) == hash(LSTM(4, forget_bias=1.0))
    assert "forget_bias=1.0" in repr(LSTM(4))
    assert dataclasses.replace(LSTM(4), use_bias=False) == LSTM(4, use_bias=False)
    assert LSTM(4, use_bias=False).init(jax.random.key(0), 3).b is None
