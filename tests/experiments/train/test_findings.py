import numpy as np
import pytest

from experiments.train.findings import evaluations, findings
from tests.experiments.train.curves import curve, flow, trainer


def said(curves, **unroll_arguments):
    return [text.replace("\N{NO-BREAK SPACE}", " ") for text in findings(curves, trainer(**unroll_arguments))]


@pytest.mark.parametrize(
    ("curves", "sentence"),
    [
        ([curve()], "Solved after 4 steps: a held-out loss below 0.002 on 10,000 fresh sequences."),
        ([curve(solved=False)], "Not solved within 4 steps; solved is a held-out loss below 0.002 on 10,000 fresh"),
        ([curve(confirmed=0.003)], "Not solved within 4 steps; "),
        (
            [curve(0), curve(1), curve(2, solved=False)],
            "Solved from 2 of 3 (21% to 94%) seeds, after 4 steps in the median",
        ),
        ([curve(0, solved=False), curve(1, solved=False)], "Solved from 0 of 2 (0% to 66%) seeds; solved is"),
    ],
)
def test_the_first_sentence_says_who_solved_the_task_and_when(curves, sentence):
    assert said(curves)[0].startswith(sentence)


def test_an_evaluation_that_did_not_hold_is_told_and_one_that_did_is_not():
    assert any(
        "An evaluation met the criterion and did not hold" in text and "0.003" in text
        for text in said([curve(confirmed=0.003)])
    )
    both = said([curve(confirmed=0.003), curve(1, confirmed=0.004)])
    assert any("2 evaluations met the criterion and did not hold" in t and "0.003 or more" in t for t in both)
    assert not any("did not hold" in text for text in said([curve()]))


def test_what_diverged_and_what_was_cut_short_is_told():
    sentences = said([curve(0), curve(1, solved=False, diverged=True)], truncate_every=7)
    assert any(text.startswith("Seed 1 diverged in step 6: ") for text in sentences)
    assert "Gradients went back 7 steps at most." in sentences
    assert not any("diverged" in text or "went back" in text for text in said([curve()]))


def test_the_last_evaluation_stands_beside_guessing_and_says_where_they_cannot_be_told_apart():
    """Of 60 sequences: 92.2 % wrong by chance on the adding task."""
    apart, close = (next(text for text in said([curve(error=error)]) if "guessing" in text) for error in (0.25, 0.93))
    assert "25.0% wrong where guessing gives 92.2%." in apart and "cannot tell" not in apart
    assert close.endswith("60 sequences cannot tell these shares apart.")
    medians = next(text for text in said([curve(), curve(1)]) if "guessing" in text)
    assert "(medians over 2 seeds)" in medians


def test_a_last_evaluation_that_is_not_finite_is_compared_with_nothing():
    broken = curve()
    broken.rows[-1]["eval_loss"] = None
    assert not any("guessing" in text for text in said([broken]))


def test_the_flow_of_the_gradient_is_told_before_training_and_at_last():
    sentence = next(text for text in said([curve()]) if "last answer" in text)
    assert sentence == (
        "Over 4 steps back from the last answer, the norm of its gradient changed by a factor of 0.14 before training "
        "and of 0.67 when last measured (medians over sequences)."
    )
    once = said([curve()._replace(flows={0: flow(-10.0)})])
    assert any("by a factor of 4.2 × 10⁻¹⁸ before" in text and "last measured" not in text for text in once)


@pytest.mark.parametrize("flows", [{}, {4: flow(-1.0)}, {0: flow(np.nan)}])
def test_of_a_gradient_that_was_not_measured_before_training_or_is_nowhere_finite_nothing_is_told(flows):
    assert not any("back from the last answer" in text for text in said([curve()._replace(flows=flows)]))


def test_where_gradients_were_not_finite_is_told_with_their_number():
    broken = flow(-1.0)
    broken.log_norms[3:, 1] = np.nan
    sentences = said([curve(0)._replace(flows={0: flow(-1.0), 4: broken}), curve(1)])
    assert any(
        text.startswith(
            "The gradient was not finite on its way back in 1 of 4 sequences after 4 training steps, the most"
        )
        for text in sentences
    )
    short = flow(-1.0)._replace(steps=np.array([4, 2]), log_norms=broken.log_norms)
    assert not any("not finite" in text for text in said([curve()._replace(flows={0: short})]))


def test_the_table_has_a_row_for_every_evaluation():
    table = evaluations([curve(0), curve(3)], trainer())
    assert [row[:2] for row in table.rows] == [("0", "0"), ("0", "4"), ("3", "0"), ("3", "4")]
    assert table.rows[1] == ("0", "4", "0.001", "25.00%", "0.0015", "30.00%") and table.rows[0][4:] == ("", "")
    assert table.note.startswith("60 held-out sequences") and "10,000 fresh sequences" in table.note
