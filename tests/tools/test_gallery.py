from pathlib import Path

import pytest

from recurrax import GRU, LSTM, cells, wrappers
from recurrax.cells import LRU
from recurrax.wrappers import Stack
from tools import gallery

PAGE = Path(__file__).parents[2] / "docs" / "cells.md"
ENTRIES = [*gallery.entries(cells), *gallery.entries(wrappers)]


def test_every_cell_and_wrapper_stands_in_the_page_as_its_docstring_has_it():
    page = PAGE.read_text(encoding="utf-8")
    stale = [e.cls.__name__ for e in ENTRIES if not all(part in page for part in gallery.section(e).split("\n\n"))]
    assert not stale, f"docs/cells.md is out of date for {', '.join(stale)}: run `make gallery`."
    named = {line.removeprefix("### ") for line in page.splitlines() if line.startswith("### ")}
    assert named == {e.cls.__name__ for e in ENTRIES}


@pytest.mark.parametrize("e", ENTRIES, ids=lambda e: e.cls.__name__)
def test_every_docstring_has_equations_a_source_and_a_word_on_the_use(e):
    assert e.summary.endswith(".") and e.attributes
    fenced = [block for block in e.body if block.startswith("```text")]
    assert fenced or e.cls is Stack, "an indented block with the equations"
    assert len(fenced) < len(e.body), "a paragraph that says what it is for"


@pytest.mark.parametrize("e", ENTRIES, ids=lambda e: e.cls.__name__)
def test_no_sentence_is_cut_off(e):
    for text, after in zip([e.summary, *e.body], [*e.body, ""], strict=True):
        ends = text.startswith("```") or text.endswith((".", "?", "!"))
        assert ends or after.startswith("```"), f"{text[-60:]!r} has no end, and no equation completes it."


def test_a_docstring_is_taken_apart():
    e = gallery.entry(LSTM)
    assert e.summary.startswith("Long short-term memory (Hochreiter & Schmidhuber 1997")
    assert e.body[0].startswith("```text\ni, f, o = sigmoid(") and e.body[1].startswith("The cell state c is carried")
    assert "\n\n`from recurrax.cells import LSTM`: `LSTM(hidden_size, use_bias, " in gallery.section(e)
    assert e.attributes.startswith("hidden_size: H.") and e.file == "recurrax/cells/lstm.py"


@pytest.mark.parametrize(
    ("cls", "count", "formula"),
    [(LSTM, 4 * 32 * 65, "4DH + 4H² + 4H"), (GRU, 3 * 32 * 65, "3DH + 3H² + 3H")],
)
def test_parameters_are_counted(cls, count, formula):
    assert gallery.parameters(cls) == (count, formula)


def test_a_count_that_is_no_polynomial_has_no_formula():
    assert gallery.parameter_formula(lambda d, h: h**3) == ""
    assert gallery.parameter_formula(lambda d, h: d * h - h + 3) == "DH - H + 3"


def test_the_time_scale_is_a_fit_and_the_traits_are_those_of_the_cell():
    assert gallery.time_scale(GRU).startswith("τ = ")
    assert (gallery.traits(GRU), gallery.traits(LRU)) == ("", "linear")
