import numpy as np
import pytest

from recurrax.tasks.adding import Adding
from tests.tasks.reading import asked_at_the_end, drawn, lengths

VARIANTS = [
    Adding(50),
    Adding(50, "tcn"),
    Adding(50, "pascanu"),
    Adding(60, "hochreiter"),
]


def marked(batch):
    """Returns the steps of the two marks, first the earlier one, `[2, B]`."""
    marks = batch.xs[..., 1] == 1
    assert (marks.sum(0) == 2).all()
    return np.stack([np.flatnonzero(column) for column in marks.T], -1)


def check_marks(task, batch, steps):
    n, at = lengths(batch), np.arange(batch.xs.shape[1])
    marks = batch.xs[..., 1]
    if task.variant == "urnn":
        assert (steps[0] < task.length // 2).all() and (steps[1] >= task.length // 2).all()
    elif task.variant == "pascanu":
        assert (steps[0] < n // 10).all() and (steps[1] >= n // 10).all() and (steps[1] < n // 2).all()
        assert n.min() >= task.length and n.max() < task.length * 1.1
    elif task.variant == "hochreiter":
        assert (steps[0] < 10).all() and (steps[1] < task.length // 2 - 1).all()
        assert n.min() >= task.length and n.max() <= task.length * 1.1
        assert (marks[n - 1, at] == -1).all() and (marks[0][steps[0] != 0] == -1).all()
        assert set(np.unique(marks[1:])) == {-1, 0, 1}
    if task.variant != "hochreiter":
        assert set(np.unique(marks)) == {0, 1}


def check(task, batch):
    steps, at = marked(batch), np.arange(batch.xs.shape[1])
    check_marks(task, batch, steps)
    a, b = batch.xs[steps, at, 0]
    answers = {"pascanu": (a + b) / 2, "hochreiter": 0.5 + (a + b) / 4}.get(task.variant, a + b)
    np.testing.assert_allclose(asked_at_the_end(batch)[:, 0], answers, rtol=1e-6)
    low = -1 if task.variant == "hochreiter" else 0
    assert batch.xs[..., 0].min() >= low and batch.xs[..., 0].max() <= 1
    assert batch.xs[..., 0].min() < low + 0.05 and batch.xs[..., 0].max() > 0.95
    if task.variant == "hochreiter":
        assert (batch.xs[0, batch.xs[0, :, 1] == 1, 0] == 0).all()


def test_published_chance_levels():
    assert abs(Adding().chance.loss - 1 / 6) < 1e-15
    assert abs(Adding(variant="pascanu").chance.loss - 1 / 24) < 1e-15
    assert abs(Adding(variant="pascanu").chance.error - (1 - (2 * 0.04 * 2 - (0.04 * 2) ** 2))) < 1e-12
    assert Adding(1000, variant="hochreiter").chance.loss < 1 / 24


def test_marks_fall_everywhere_alike():
    steps = marked(drawn(Adding(50, "tcn"), 5000))
    counts = np.bincount(steps.ravel(), minlength=50)
    assert counts.min() > 140 and counts.max() < 270  # 200 +- 14


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"length": 1}, ValueError, "length must be at least 2 for Adding, got 1: the two marks stand at different"),
        (
            {"length": 20, "variant": "hochreiter"},
            ValueError,
            "length must be at least 22 for Adding, got 20: the first ten steps, one of which is marked, lie in its",
        ),
        ({"length": 1e2}, TypeError, "length must be an integer"),
        ({"variant": "lstm"}, ValueError, "variant must be one of 'urnn', .*, got 'lstm'"),
    ],
)
def test_a_bad_field_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        Adding(**arguments)
