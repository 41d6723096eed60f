import numpy as np

from experiments.remedies.figures.success import success
from tests.experiments.remedies.made_up import comparison, outcome

STEPS = {"steps": 1000}


def test_a_curve_is_the_share_that_has_solved_the_task_and_ends_at_the_last_step():
    config = comparison(remedies="none,clip_norm(1.0),orthogonal", seeds=4, train=STEPS)
    outcomes = [outcome("none", n, t) for n, t in enumerate((100, 300, 300, None))]
    outcomes += [outcome("clip_norm(1.0)", n, None) for n in range(4)]
    drawing = success(outcomes, config)
    table = {name: np.array(column) for name, column in drawing.table.items()}
    none = table["remedy"] == "none"
    assert table["training_step"][none].tolist() == [0, 100, 300, 1000]
    assert table["share_solved"][none].tolist() == [0, 0.25, 0.75, 0.75]
    assert set(table["remedy"]) == {"none", "clip_norm(1.0)"}
    (legend,) = drawing.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["as it is", "clip_norm(1.0)"]


def test_many_remedies_are_spread_over_panels_each_with_the_cell_as_it_is():
    """One of them does not apply to the last cell, beside whose panels the legends stand."""
    remedies = ("none", *(f"clip_norm({n}.0)" for n in range(1, 14)), "bound_candidate()")
    config = comparison(cells="gru,rnn", remedies=remedies, seeds=2, train=STEPS)
    drawing = success([outcome(k.remedy, n, 100, cell=k.cell) for k in config.kinds for n in range(2)], config)
    legends = [[text.get_text() for text in ax.get_legend().get_texts()] for ax in drawing.figure.axes[1::2]]
    assert len(legends) == 3 and all(names[0] == "as it is" and len(names) <= 7 for names in legends)
    assert {name for names in legends for name in names} == {"as it is", *remedies[1:]}


def test_axes_are_equal_and_long_names_are_broken():
    config = comparison(
        cells="rnn,gru as 'a gated recurrent unit of which the name is long'", lengths=(24, 48), train=STEPS
    )
    drawing = success([outcome("none", 0, 100), outcome("none", 0, None, length=48)], config)
    assert {ax.get_xlim() for ax in drawing.figure.axes} == {(0, 1000)} and len(drawing.figure.axes) == 4
    assert len({ax.get_ylim() for ax in drawing.figure.axes}) == 1
    assert "\n" in drawing.figure.axes[1].get_title()
