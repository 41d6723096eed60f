import numpy as np

from experiments.remedies.figures.differences import differences
from tests.experiments.remedies.made_up import comparison, outcome


def _drawn(times, seeds):
    config = comparison(seeds=seeds, train={"steps": 1000})
    outcomes = [outcome("none", n, 500) for n in range(seeds)]
    return differences(outcomes + [outcome("clip_norm(1.0)", n, t) for n, t in enumerate(times)], config)


def test_what_is_told_is_marked_as_such_and_only_that():
    assert _drawn([100 + n for n in range(8)], 8).table["told"] == ["yes"]
    assert _drawn([490, 510] * 4, 8).table["told"] == ["no"]


def test_an_interval_that_excludes_nothing_goes_from_edge_to_edge():
    drawing = _drawn([100, 200, 300], 3)
    assert np.isinf(drawing.table["difference_low_steps"]).all()
    (ax,) = drawing.figure.axes
    (line,) = [line for line in ax.lines if len(line.get_xdata()) == 2 and line.get_ydata()[0] == line.get_ydata()[1]]
    assert line.get_xdata()[0] < ax.get_xlim()[0] and line.get_xdata()[1] > ax.get_xlim()[1]
