import math

import numpy as np
import pytest

from recurrax.tasks.reber import SYMBOLS, ContinualReber, EmbeddedReber
from tests.tasks.reading import drawn, ids

VARIANTS = [EmbeddedReber(30), EmbeddedReber(9), ContinualReber(60)]
WAYS = {0: "B1", 1: "T2P3", 2: "S2X4", 3: "T3V5", 4: "X3S6", 5: "P4V6", 6: "E7"}


def is_reber(text):
    """Walks the graph of Cleeremans et al. (1989)."""
    state = 0
    for symbol in text:
        ways = dict(zip(WAYS[state][::2], map(int, WAYS[state][1::2]), strict=True))
        if symbol not in ways:
            return False
        state = ways[symbol]
        if state == 7:
            return text.endswith("E")
    return False


def is_embedded(text):
    return (
        len(text) >= 9
        and text[0] == "B"
        and text[1] in "TP"
        and text[-2] == text[1]
        and text[-1] == "E"
        and is_reber(text[2:-2])
    )


def split_strings(text):
    """Cuts a stream into embedded strings, each of which ends at its second E."""
    strings, begin = [], 0
    while True:
        inner = text.find("E", begin)
        end = inner + 3
        if inner < 0 or end > len(text):
            return strings, text[begin:]
        strings.append(text[begin:end])
        begin = end


def check(task, batch):
    shown, lengths = ids(batch)
    np.testing.assert_array_equal(batch.targets[:-1][batch.weights[:-1] > 0], shown[1:][batch.weights[:-1] > 0])
    assert not batch.weights[-1].any()
    for n, (column, length) in enumerate(zip(shown.T, lengths, strict=True)):
        text = "".join(SYMBOLS[symbol] for symbol in column[:length])
        strings, rest = ([text], "") if isinstance(task, EmbeddedReber) else split_strings(text)
        assert all(map(is_embedded, strings)), strings
        at, expected = 0, np.zeros(len(column), bool)
        for string in strings:
            at += len(string)
            expected[at - 3] = True
        if isinstance(task, EmbeddedReber):
            np.testing.assert_array_equal(batch.judged[:, n], expected)
            assert batch.weights[:, n].sum() == length - 1
        else:  # the last, unfinished string may be asked about as well
            assert (batch.judged[: at - 1, n] == expected[: at - 1]).all()


def test_strings_are_as_likely_as_all_that_fit_make_them():
    """Of 9 symbols at most there are eight strings; a string of the grammar has 2^-n for n choices."""
    batch = drawn(EmbeddedReber(9), 4000)
    shown, lengths = ids(batch)
    texts = ["".join(SYMBOLS[s] for s in column[:n]) for column, n in zip(shown.T, lengths, strict=True)]
    assert set(texts) == {f"B{outer}{inner}{outer}E" for outer in "TP" for inner in ("BTXSE", "BPVVE")}
    counts = np.array([texts.count(text) for text in sorted(set(texts))])
    assert abs(counts - 1000).max() < 150


def test_a_string_of_choices_is_as_likely_as_its_choices():
    """B T X S E has three choices, B T S X S E four: so are they among all strings of up to 10 symbols."""
    batch = drawn(EmbeddedReber(10), 8000)
    shown, lengths = ids(batch)
    inner = ["".join(SYMBOLS[s] for s in column[2 : n - 2]) for column, n in zip(shown.T, lengths, strict=True)]
    likely = {"BTXSE": 1 / 8, "BPVVE": 1 / 8, "BTSXSE": 1 / 16, "BPTVVE": 1 / 16, "BPVPSE": 1 / 16}
    assert set(inner) == set(likely)
    for text, share in likely.items():
        assert abs(inner.count(text) / 8000 - share / sum(likely.values())) < 0.02


def test_a_bad_field_is_named():
    with pytest.raises(ValueError, match="length must be at least 9 for EmbeddedReber, got 8"):
        EmbeddedReber(8)


def test_the_chance_level_of_the_shortest_strings_by_hand():
    """B, T or P, B, T or P, X or V, S or V, E, T or P, E: five tosses among the eight symbols that are asked for."""
    assert EmbeddedReber(9).chance.loss == pytest.approx(5 * math.log(2) / 8, abs=1e-12)
