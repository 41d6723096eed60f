import types

import pytest

from experiments.train.findings import evaluations, findings
from recurrax.tasks.adding import Adding
from tests.experiments.train.curves import curve
from tests.experiments.training.small import config


def said(curves, **unroll_arguments):
    return findings(curves, types.SimpleNamespace(task=Adding(24), unroll_arguments=unroll_arguments))


@pytest.mark.parametrize(
    ("curves", "sentence"),
    [
        ([curve()], "Solved after 4 steps (held-out "),
        ([curve(solved=False)], "Not solved within 4 steps (held-out "),
        (
            [curve(0), curve(1), curve(2, solved=False)],
            "Solved from 2 of 3 (21% to 94%) seeds, after 4 steps in the median",
        ),
        ([curve(0, solved=False), curve(1, solved=False)], "Solved from 0 of 2 (0% to 66%) seeds (held-out "),
    ],
)
def test_the_first_sentence_says_who_solved_the_task_and_when(curves, sentence):
    assert said(curves)[0].startswith(sentence)


def test_what_diverged_and_what_was_cut_short_is_told():
    sentences = said([curve(0), curve(1, solved=False, diverged=True)], truncate_every=7)
    assert "Seed 1 diverged in step 6." in sentences and "Gradients went back 7 steps at most." in sentences
    assert "25.0% wrong" in sentences[-1] and "medians over seeds" in sentences[-1]
    assert len(said([curve()])) == 2


def test_the_table_has_a_row_for_every_evaluation():
    table = evaluations([curve(0), curve(3)], config(eval_batches=2))
    assert [row[:2] for row in table.rows] == [("0", "0"), ("0", "4"), ("3", "0"), ("3", "4")]
    assert table.rows[1] == ("0", "4", "0.001", "25.00%") and table.note.startswith("6 held-out sequences")
