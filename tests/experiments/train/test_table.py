import csv
import io
import re

import numpy as np
import pytest

from experiments.common.columns import meanings
from experiments.common.workdir import _as_csv
from experiments.train.findings import evaluations, findings
from experiments.train.table import HEADER, kept, tidy_rows
from experiments.training.measure import Flow
from tests.experiments.train.curves import curve, trainer


def read_back(text):
    """Returns the rows, numbers as numbers and what is empty as None."""
    rows = csv.DictReader(io.StringIO(text))
    return [{name: None if value == "" else float(value) for name, value in row.items()} for row in rows]


@pytest.fixture
def curves():
    return [curve(0), curve(1, confirmed=0.004), curve(2, solved=False, diverged=True)]


@pytest.fixture
def rows(curves):
    return read_back(_as_csv(HEADER, tidy_rows(curves)))


def test_a_line_of_metrics_is_a_row_and_its_columns_have_meanings(curves, rows):
    assert [(row["seed"], row["training_step"]) for row in rows] == [
        (c.seed, r["step"]) for c in curves for r in c.rows
    ]
    assert [row["diverged"] for row in rows].count(1) == 1 and len(meanings(list(HEADER))) == len(HEADER)


def test_every_number_of_the_sentences_comes_out_of_the_table(curves, rows):
    """Computed again from the file alone, by the criterion of the adding task."""
    said = " ".join(findings(curves, trainer())).replace("\N{NO-BREAK SPACE}", " ")
    seeds = sorted({row["seed"] for row in rows})
    lines = {seed: [row for row in rows if row["seed"] == seed] for seed in seeds}
    met = {seed: [row for row in lines[seed] if (row["eval_loss"] or 1) < 0.002] for seed in seeds}
    solved = [[row["training_step"] for row in met[seed] if row["confirmed_loss"] < 0.002] for seed in seeds]
    solved = [steps[0] for steps in solved if steps]
    assert f"Solved from {len(solved)} of {len(seeds)} (" in said
    assert f"after {np.median(solved):.0f} steps in the median ({min(solved):.0f} to {max(solved):.0f})" in said
    (refuted,) = [row["confirmed_loss"] for seed in seeds for row in met[seed] if row["confirmed_loss"] >= 0.002]
    assert f"the loss on the sequences to confirm it was {refuted:.3g}." in said
    (diverged,) = [row for row in rows if row["diverged"]]
    assert f"Seed {diverged['seed']:.0f} diverged in step {diverged['training_step']:.0f}:" in said
    ends = [[row for row in lines[seed] if row["eval_loss"] is not None][-1] for seed in seeds]
    loss, error = (np.median([row[f"eval_{name}"] for row in ends]) for name in ("loss", "error"))
    assert f"loss {loss:.3g} where" in said and f"{error:.1%} wrong where" in said
    flows = [[row for row in lines[seed] if row["log_flow_median_nats"] is not None] for seed in seeds]
    first, last = (np.exp(np.median([of[n]["log_flow_median_nats"] for of in flows])) for n in (0, -1))
    assert f"Over {flows[0][0]['flow_distance_steps']:.0f} steps back from the last answer" in said
    assert f"by a factor of {first:.2g} before training and of {last:.2g} when last measured" in said


def test_every_number_of_the_table_of_the_report_comes_out_of_it(curves, rows):
    shown = evaluations(curves, trainer()).rows
    evaluated = [row for row in rows if row["eval_loss"] is not None]
    assert len(shown) == len(evaluated)
    for texts, row in zip(shown, evaluated, strict=True):
        numbers = (row["seed"], row["training_step"], row["eval_loss"], 100 * row["eval_error"])
        assert [float(re.sub("%$", "", text)) for text in texts[:4]] == pytest.approx(numbers, rel=1e-3)
        assert (texts[4] == "") == (row["confirmed_loss"] is None)


def test_what_is_left_of_a_gradient_is_told_as_far_as_half_of_the_sequences_go():
    flow = Flow(np.array([[1.0, 2.0], [0.0, -1.0], [-3.0, np.nan], [np.nan, np.nan]]), np.array([2, 1]))
    assert kept(flow) == (2, -4.0)
    assert kept(Flow(np.full((3, 2), np.nan), np.array([-1, -1]))) == (None, None)
    assert kept(Flow(np.full((3, 2), -np.inf), np.array([2, 2]))) == (None, None)
    assert kept(Flow(np.array([[0.0], [-np.inf]]), np.array([1]))) == (1, -np.inf)
