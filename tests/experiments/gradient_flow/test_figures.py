"""All figures, each drawn from made-up results; stands for the files of the package as well."""

import numpy as np
import pytest

from experiments.gradient_flow import figures
from experiments.gradient_flow.figures import (
    alignment,
    axes,
    cost,
    depth,
    gate_gradients,
    gates,
    gates_over_time,
    gradient_map,
    gradient_norm,
    jacobian,
    learning,
    lyapunov,
    paths,
    reach,
    weights,
    zoo,
)
from experiments.gradient_flow.measuring import measure
from tests.experiments.gradient_flow.made_up import BINS, SEEDS, STEPS, cell_results, results


def varied(*further):
    """Results with several starts of a family, and with an axis."""
    return results(
        *further,
        cell_results("RNN", ("h",), (), rate=1.0),
        *(cell_results(f"LSTM, forget bias {b}", axes=(("forget_bias", b),), source="LSTM", key=b) for b in (1, 3)),
    )


EVERY = (*figures.IN_DETAIL, *figures.OF_ANY_NUMBER)
STACK = {"fields": ("0/h", "0/c", "1/h", "1/c"), "layers": 2}
every_figure = pytest.mark.parametrize("figure", EVERY, ids=lambda module: module.__name__.rpartition(".")[2])


@every_figure
def test_a_figure_bears_the_name_of_its_file_and_has_its_numbers_in_columns_of_one_length(figure):
    drawing = figure.draw(varied(cell_results("Stack", **STACK)))
    assert drawing.name == figure.__name__.rpartition(".")[2] and drawing.caption.endswith(".")
    lengths = {len(column) for column in drawing.table.values()}
    assert len(lengths) == 1 and lengths != {0}
    drawing.figure.draw_without_rendering()


@every_figure
@pytest.mark.parametrize("snapshots", [(0,), (0, 2, 5)], ids=["one", "three"])
def test_no_legend_reaches_over_the_edge_of_its_figure(figure, snapshots):
    long = cell_results("LSTM, of a start whose name is long", snapshots=snapshots, **STACK)
    drawing = figure.draw(results(long, snapshots=snapshots))
    if drawing is None:
        assert figure is axes or (figure in (learning, reach, gradient_map) and snapshots == (0,))
        return
    drawing.figure.draw_without_rendering()
    edge = drawing.figure.bbox
    for legend in [*drawing.figure.legends, *(ax.get_legend() for ax in drawing.figure.axes if ax.get_legend())]:
        box = legend.get_window_extent()
        assert edge.x0 <= box.x0 and box.x1 <= edge.x1 and edge.y0 <= box.y0 and box.y1 <= edge.y1


def test_of_more_cells_than_colors_only_figures_with_a_row_each_are_drawn(monkeypatch):
    monkeypatch.setattr(figures, "COLORS", ("#000000",))
    assert [drawing.name for drawing in figures.draw_all(results())] == ["zoo", "cost"]
    assert len(figures.draw_all(results(cell_results(**STACK)))) == len(EVERY) - 1  # nothing is varied


def test_what_a_cell_does_not_have_is_not_drawn():
    plain = results(cell_results("RNN", fields=("h",), gates=()))
    assert all(figure.draw(plain) is None for figure in (paths, gates, gate_gradients, gates_over_time, depth))
    assert alignment.draw(results(cell_results("LSTM", large=True))) is None
    assert set(weights.draw(plain).table["part"]) == {"w_x", "w_h", "b"}


def test_the_norm_of_a_layer_is_that_of_its_fields_together():
    cell = cell_results("Stack", **STACK)
    for field, norm in (("0/h", 3.0), ("0/c", 4.0), ("1/h", 1.0), ("1/c", 0.0)):
        with np.errstate(divide="ignore"):
            cell.arrays[f"log_norm/field/{field}"][:] = np.log(norm)
    table = depth.draw(results(cell)).table
    norms = {
        layer: {
            round(float(np.exp(v)), 6)
            for at, v in zip(table["layer"], table["log_norm_nats"], strict=True)
            if at == layer
        }
        for layer in (0, 1)
    }
    assert norms == {0: {5.0}, 1: {1.0}}


def test_times_of_the_cost_figure_have_the_ends_of_their_intervals():
    table = cost.draw(results()).table
    assert table["forward_ms"] == [1.0, 2.0] and table["forward_high_ms"] == [1.1, 2.2]


def test_of_a_large_state_the_captions_say_what_was_not_measured(monkeypatch):
    monkeypatch.setattr(measure, "LARGE_STATE", 5)
    monkeypatch.setattr(measure, "LEADING", 3)
    both = results(cell_results("RNN", fields=("h",), gates=()), cell_results("LSTM", large=True))
    assert jacobian.draw(both).caption.endswith("states have more than 5 numbers: LSTM.")
    assert lyapunov.draw(both).caption.endswith("N > 5 the 3 leading exponents are measured.")


def test_the_numbers_behind_a_figure_are_those_of_the_results():
    cell = cell_results()
    table = gates.draw(results(cell)).table
    assert len(table["density"]) == 2 * 2 * BINS and set(table["density"]) == {1.0}
    assert table["share_below"][:BINS] == pytest.approx([(n + 0.5) / BINS for n in range(BINS)])
    table = learning.draw(results(cell)).table
    assert table["training_step"] == [1, 2, 3, 4, 5] and table["loss_mean_nats"][0] == pytest.approx(4)
    table = jacobian.draw(results(cell)).table
    assert table["distance_steps"] == [*range(STEPS + 1)] * 2
    table = cost.draw(results(cell)).table
    assert table["cell"] == ["LSTM"] and table["parameters"] == [100]
    assert (
        SEEDS == len(cell.arrays["lyapunov_exponent"][0]) and len(lyapunov.draw(results(cell)).table["index"]) == 2 * 8
    )


def test_the_cell_whose_gradient_reaches_farthest_is_on_top():
    cells = [cell_results(label, rate=rate) for label, rate in (("A", 0.5), ("B", 0.1), ("C", 1.0))]
    assert zoo.draw(results(*cells)).table["cell"] == ["B", "A", "C"]


def test_the_reach_is_drawn_at_every_snapshot_and_against_every_value_of_an_axis():
    results = varied()
    table = reach.draw(results).table
    assert table["training_step"] == [0, 2, 5] * 3 and table["distance_steps"] == [STEPS] * 9
    assert table["log_ratio_median_nats"][0] == np.median(results.cells[0].reach(0))
    table = axes.draw(results).table
    assert table["axis_value"] == [1, 3] * 2 and table["cell"] == ["LSTM"] * 4
    assert table["log_ratio_highest_nats"][3] == results.cells[2].reach(2).max()


def test_panels_of_one_figure_have_one_scale():
    for figure in (gradient_norm, jacobian, alignment, weights, gate_gradients, paths, lyapunov, reach, learning):
        limits = {(ax.get_xlim(), ax.get_ylim()) for ax in figure.draw(varied()).figure.axes}
        assert len(limits) == 1


def test_a_dip_is_told_by_the_caption_where_every_seed_falls_below_both_ends():
    cell = cell_results()
    assert "hide" not in reach.draw(results(cell)).caption
    cell.arrays["log_norm/joint"][1, :, 0] -= 20.0
    caption = reach.draw(results(cell)).caption.replace("\N{NO-BREAK SPACE}", " ")
    assert "LSTM falls to 5." in caption and "× 10⁻¹² at step 2, where each of the 3 seeds lies below" in caption
    cell.arrays["log_norm/joint"][1, 0, 0] += 20.0
    assert "hide" not in reach.draw(results(cell)).caption


def test_cells_that_run_one_program_have_one_row_of_costs():
    both = results(*(cell_results(f"LSTM, {start}") for start in "ab"))
    for values in both.costs.values():
        values[1] = values[0]
    drawing = cost.draw(both)
    assert [label.get_text() for label in drawing.figure.axes[0].get_yticklabels()] == ["LSTM"]
    assert drawing.table["cell"] == ["LSTM, a", "LSTM, b"] and "one program" in drawing.caption


@pytest.mark.parametrize(("losses", "words"), [((2.5, 2.3), "easier"), ((2.3, 2.5), "harder"), ((2.5, 2.51), "about")])
def test_the_caption_says_which_text_is_easier_by_itself(losses, words):
    assert words in learning._compared(*losses)
