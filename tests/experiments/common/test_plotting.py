import matplotlib
import numpy as np
import pytest

from experiments.common.bands import band
from experiments.common.plotting import (
    COLORS,
    LN10,
    STYLE,
    Drawing,
    Rows,
    color,
    draw_band,
    legend_below,
    new_figure,
    powers_of_ten,
    styled,
)


def test_text_and_numbers_stand_in_every_row_of_a_sequence():
    rows = Rows("cell", "distance", "median")
    rows.add("LSTM", range(2), np.array([0.5, -0.5]))
    rows.add("GRU", 7, None)
    assert rows.columns == {"cell": ["LSTM", "LSTM", "GRU"], "distance": [0, 1, 7], "median": [0.5, -0.5, None]}


def test_a_sequence_of_one_is_a_row_and_an_empty_one_is_none():
    rows = Rows("a", "b")
    rows.add("x", [3])
    rows.add("y", [])
    assert rows.columns == {"a": ["x"], "b": [3]}


@pytest.mark.parametrize("values", [("x",), ("x", 1, 2), ([1, 2], [1, 2, 3]), ([1], [1, 2])])
def test_values_that_make_no_rows_are_refused(values):
    with pytest.raises(ValueError, match="expected"):
        Rows("a", "b").add(*values)


def test_the_same_figure_gives_the_same_bytes():
    def drawing():
        figure, axes = new_figure(1, 1)
        axes[0, 0].plot([0, 1])
        return Drawing("line", "A line", figure, {}, "")

    first, second = drawing(), drawing()
    assert first.png == second.png and first.png.startswith(b"\x89PNG")
    assert first.svg == second.svg and b"<svg" in first.svg


def test_a_decorated_function_draws_in_the_one_look_and_leaves_no_trace():
    before = matplotlib.rcParams["font.size"]
    assert styled(lambda: matplotlib.rcParams["axes.grid"])() == STYLE["axes.grid"]
    assert matplotlib.rcParams["font.size"] == before and matplotlib.rcParams["axes.grid"] is False


def test_a_band_is_drawn_in_decimal_logarithms():
    _, axes = new_figure(1, 1)
    draw_band(axes[0, 0], band(LN10 * np.array([[0.0], [-3.0]])), color=color(0))
    powers_of_ten(axes[0, 0].yaxis)
    np.testing.assert_allclose(axes[0, 0].get_lines()[0].get_ydata(), [0, -3])
    assert axes[0, 0].yaxis.get_major_formatter()(-3, 0) == "$10^{-3}$"


def test_colors_begin_again_after_the_last():
    assert len(set(COLORS)) == len(COLORS) and color(len(COLORS)) == color(0)


@pytest.mark.parametrize(
    ("low", "high"), [(-3.2, -2.9), (0.31, 0.47), (-5.1, 0.2), (-40.0, 3.0), (-0.95, -0.05), (-308.5, -308.1)]
)
def test_an_axis_of_powers_has_ticks_that_can_be_read_also_within_a_decade(low, high):
    figure, axes = new_figure(1, 1)
    axes[0, 0].set_ylim(low, high)
    powers_of_ten(axes[0, 0].yaxis)
    figure.draw_without_rendering()
    ticks = [t for t in axes[0, 0].get_yticks() if low <= t <= high]
    texts = [axes[0, 0].yaxis.get_major_formatter()(t, 0) for t in ticks]
    if high > -300:
        assert len(ticks) >= 2
    assert len(set(texts)) == len(texts)
    for text, tick in zip(texts, ticks, strict=True):  # what a label says is where it stands
        number = text.strip("$").replace(r" \times 10^{", "e").replace("10^{", "1e").replace("}", "")
        mantissa, _, exponent = number.partition("e")
        assert np.log10(float(mantissa)) + int(exponent or 0) == pytest.approx(tick, abs=2e-3)


def test_a_legend_with_a_name_that_is_longer_than_the_figure_wraps_it():
    figure, axes = new_figure(1, 1, width=5.0)
    (line,) = axes[0, 0].plot([0, 1])
    legend_below(figure, [line], ["residual(lstm(forget_bias=3.0, recurrent_init=gaussian(gain=0.5))) " * 3])
    figure.draw_without_rendering()
    box = figure.legends[0].get_window_extent()
    assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1


@pytest.mark.parametrize("count", [2, 12])
def test_a_legend_below_does_not_reach_over_the_edges(count):
    figure, axes = new_figure(1, 1, width=5.0)
    lines = [axes[0, 0].plot([0, n])[0] for n in range(count)]
    legend_below(figure, lines, [f"a curve of number {n}" for n in range(count)])
    figure.draw_without_rendering()
    box = figure.legends[0].get_window_extent()
    assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1
