import math

import numpy as np
import pytest

from recurrax.tasks.copy import Copy, SelectiveCopy, VariableCopy
from tests.tasks.reading import ids

VARIANTS = [
    Copy(20),
    Copy(12, symbols=3, count=4, markers="many"),
    Copy(1, symbols=2, count=1),
    VariableCopy(20, symbols=4, count=5),
    SelectiveCopy(20, symbols=8, count=5),
]


def check(task, batch):
    inputs, lengths = ids(batch)
    marker, m = task.symbols + 1, task.count
    assert batch.mask is None and (batch.weights == 1).all()
    np.testing.assert_array_equal(batch.judged, batch.targets > 0)
    steps = task.length + (m if isinstance(task, SelectiveCopy) else 2 * m)
    assert (lengths == steps).all()
    for column, answers in zip(inputs.T, batch.targets.T, strict=True):
        shown = column[(column > 0) & (column < marker)]
        assert len(shown) == m
        np.testing.assert_array_equal(answers[answers > 0], shown)
        first_marker, begin = np.argmax(column == marker), np.argmax(answers > 0)
        np.testing.assert_array_equal(answers[begin : begin + m], shown)
        if isinstance(task, Copy):
            assert (column[:m] == shown).all() and begin == task.length + m
            assert first_marker == task.length + m - 1
            assert (column == marker).sum() == (m + 1 if task.markers == "many" else 1)
        elif isinstance(task, VariableCopy):
            assert (column[:m] == shown).all() and (column == marker).sum() == 1
            assert m <= first_marker < m + task.length and begin == first_marker + 1
        else:
            assert begin == first_marker == task.length and (column[task.length :] == marker).all()


def test_published_chance_levels():
    """Arjovsky et al. (2016): 10 ln 8 / (T + 20)."""
    for length, loss in ((100, 0.17329), (200, 0.09452), (500, 0.03999), (1000, 0.02039), (2000, 0.01029)):
        assert abs(Copy(length).chance.loss - loss) < 5e-6
    assert SelectiveCopy(100).chance.loss == 10 * math.log(8) / 110


def test_a_pause_that_a_blind_answer_does_not_know_costs_it_more():
    """Of one symbol, asked for at one of two steps: at each a blank half of the time, two symbols the other half."""
    assert VariableCopy(2, symbols=2, count=1).chance.loss == pytest.approx(2 * 1.5 * math.log(2) / 4)
    assert VariableCopy(500).chance.loss > Copy(500).chance.loss


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Copy(0), ValueError, "length must be at least 1, got 0"),
        (lambda: Copy(symbols=0), ValueError, "symbols must be at least 1, got 0"),
        (lambda: VariableCopy(count=2.5), TypeError, "count must be an integer"),
        (lambda: Copy(markers="two"), ValueError, "markers must be one of 'one', 'many', got 'two'"),
        (lambda: SelectiveCopy(5, count=6), ValueError, "count must be at most length for SelectiveCopy, got 6 and 5"),
    ],
)
def test_a_bad_field_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make()
