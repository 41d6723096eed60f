import numpy as np
import pytest

from recurrax.tasks.temporal_order import TemporalOrder
from tests.tasks.reading import asked_at_the_end, drawn, ids

VARIANTS = [
    TemporalOrder(20),
    TemporalOrder(30, symbols=3),
    TemporalOrder(100, variant="hochreiter"),
    TemporalOrder(100, symbols=3, variant="hochreiter"),
]
WINDOWS = {
    ("pascanu", 2): ((0.1, 0.2), (0.5, 0.6)),
    ("pascanu", 3): ((0.1, 0.2), (0.3, 0.4), (0.6, 0.7)),
    ("hochreiter", 2): ((0.10, 0.21), (0.50, 0.61)),
    ("hochreiter", 3): ((0.10, 0.21), (0.33, 0.44), (0.66, 0.77)),
}


def check(task, batch):
    shown, lengths = ids(batch)
    answers = asked_at_the_end(batch)
    windows = np.array(WINDOWS[task.variant, task.symbols]) * task.length
    for column, length, answer in zip(shown.T, lengths, answers, strict=True):
        places = np.flatnonzero(column < 2)
        assert len(places) == task.symbols
        assert (places >= windows[:, 0]).all() and (places < windows[:, 1]).all()
        assert answer == sum(symbol << n for n, symbol in enumerate(column[places]))
        if task.variant == "hochreiter":
            assert column[0] == 6 and column[length - 1] == 7
            assert (column[1 : length - 1] < 6).all() and 100 <= length <= 110
        else:
            assert length == task.length and (column < 6).all()


def test_the_steps_are_those_of_the_paper():
    """Hochreiter & Schmidhuber (1997): t1 between 10 and 20, t2 between 50 and 60, ends included."""
    shown = drawn(TemporalOrder(100, variant="hochreiter"), 2000).xs.argmax(-1)
    places = np.stack([np.flatnonzero(column < 2) for column in shown.T])
    assert places.min(0).tolist() == [10, 50] and places.max(0).tolist() == [20, 60]


def test_published_chance_levels():
    assert TemporalOrder().chance.error == 0.75 and TemporalOrder(symbols=3).chance.error == 0.875


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"length": 9}, "length must be at least 10 for TemporalOrder, got 9"),
        ({"symbols": 4}, "symbols must be 2 or 3, got 4"),
        ({"variant": "urnn"}, "variant must be one of 'pascanu', 'hochreiter', got 'urnn'"),
    ],
)
def test_a_bad_field_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        TemporalOrder(**arguments)
