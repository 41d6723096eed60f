import pytest

from experiments.gradient_flow.variants import make_variants
from recurrax import GRU, LSTM, RNN
from recurrax.initializers import Gaussian, OrthogonalPerGate

NONE = {"hidden_size": (), "length": (), "forget_bias": (), "gain": ()}


def variants(*texts, **axes):
    return make_variants(texts, hidden_size=4, length=12, axes={**NONE, **axes})


def test_without_axes_every_text_is_one_cell_with_one_name_for_its_class():
    made = variants("rnn", "Lstm(forget_bias=2.0)", "gru as mine", "residual(layer_norm_gru)")
    assert [variant.label for variant in made] == ["RNN", "LSTM(forget_bias=2.0)", "mine", "Residual(LayerNormGRU)"]
    assert [variant.family for variant in made] == ["RNN", "LSTM", "GRU", "Residual(LayerNormGRU)"]
    assert [variant.length for variant in made] == [12] * 4 and made[1].cell == LSTM(hidden_size=4, forget_bias=2.0)


def test_an_axis_multiplies_the_cells_whose_texts_do_not_settle_it():
    made = variants("rnn", "lstm", "lstm(forget_bias=5.0)", "gru as mine", forget_bias=(0.0, 1.0))
    assert [variant.label for variant in made] == [
        "RNN", "LSTM, forget bias 0", "LSTM, forget bias 1", "LSTM(forget_bias=5.0)", "mine, forget bias 0",
        "mine, forget bias 1",
    ]  # fmt: skip
    assert made[4].cell == GRU(hidden_size=4, forget_bias=0.0) and made[5].source == "mine"


def test_several_axes_give_every_combination():
    made = variants("rnn(recurrent_init=gaussian)", hidden_size=(2, 3), gain=(0.5, 1.5), length=(8, 16))
    cells = [RNN(hidden_size=h, recurrent_init=Gaussian(gain=g)) for h in (2, 3) for g in (0.5, 1.5)]
    assert {(v.cell, v.length) for v in made} == {(cell, length) for cell in cells for length in (8, 16)}
    assert len(made) == 8 and made[0].axes == (("hidden_size", 2), ("length", 8), ("gain", 0.5))


def test_the_gain_scales_the_cells_inside_and_no_gain_that_a_text_gives():
    inside, given = variants("residual(rnn)", "rnn(recurrent_init=gaussian(gain=0.9))", gain=(2.0,))
    assert inside.cell.cell.recurrent_init == OrthogonalPerGate(gain=2.0)
    assert given.cell.recurrent_init == Gaussian(gain=0.9) and given.axes == ()


def test_an_axis_that_applies_to_no_cell_is_refused():
    with pytest.raises(ValueError, match="axes.forget_bias applies to none"):
        variants("rnn", "lstm(forget_bias=1.0)", forget_bias=(0.0, 1.0))


def test_one_cell_has_one_folder_however_it_is_spelled():
    plain, spelled, other = variants("lstm", "LSTM(forget_bias=1.0)", "lstm(forget_bias=2.0)")
    assert plain.folder == spelled.folder != other.folder
