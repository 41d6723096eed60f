"""What figures, tables and reports call a cell: the label that its text in the config ends with."""

import pytest

from experiments.common import cli
from experiments.common.config import from_config
from experiments.common.errors import ExperimentError
from experiments.gradient_flow.config import GradientFlow
from experiments.remedies.config import Comparison
from experiments.remedies.findings import findings
from tests.experiments.remedies.made_up import outcome

CELLS = "lstm,lstm(forget_bias=3.0) as 'LSTM, open',gru(reset=after) as mine"


def loaded(schema, cells):
    config = cli._load({GradientFlow: "configs/gradient_flow.py", Comparison: "configs/remedies.py"}[schema])
    with config.ignore_type():
        config.cells = cells
    return from_config(schema, config)


def test_labels_name_the_cells_of_the_gradient_flow_study_and_the_cells_stay_what_they_are():
    config = loaded(GradientFlow, CELLS)
    variants = config.variants()
    assert [variant.label for variant in variants] == ["LSTM", "LSTM, open", "mine"]
    assert [variant.cell.forget_bias for variant in variants] == [1.0, 3.0, 0.0]
    assert variants[2].cell.reset == "after"


def test_labels_name_the_cells_of_the_comparison_and_the_trainings_get_the_texts():
    config = loaded(Comparison, CELLS)
    trials = list(config.trials({kind: config.settings(kind.remedy)[0] for kind in config.kinds}))
    assert {trial.kind.cell for trial in trials} == {"lstm", "LSTM, open", "mine"}
    trained = {t.kind.cell: config.training(t).make_cell() for t in trials if t.kind.remedy == "none"}
    assert trained["LSTM, open"].forget_bias == 3.0 and trained["mine"].reset == "after"
    outcomes = [
        outcome("none", 0, None, cell=k.cell, task=k.task, length=k.length, size=k.hidden_size)
        for k in config.kinds if k.remedy == "none"
    ]  # fmt: skip
    sentences = findings(outcomes, {}, config)
    assert any(sentence.startswith("LSTM, open: ") for sentence in sentences)


@pytest.mark.parametrize("schema", [GradientFlow, Comparison])
def test_two_cells_cannot_have_one_label(schema):
    with pytest.raises(ExperimentError, match="config.cells must be cells with labels that differ"):
        loaded(schema, "lstm as a,gru as a")


@pytest.mark.parametrize(("default", "schema"), [("gradient_flow", GradientFlow), ("remedies", Comparison)])
def test_labels_with_commas_and_spaces_come_through_the_command_line(default, schema, tmp_path):
    seen = []
    argv = ["study", f"--workdir={tmp_path}", f"--config.cells={CELLS}"]
    main = lambda config, path: seen.append(from_config(schema, config))
    assert cli.exit_status(main, argv, description="", default_config=f"configs/{default}.py", schema=schema) == 0
    labels = [v.label for v in seen[0].variants()] if schema is GradientFlow else list(seen[0].labels)
    assert [label.lower() for label in labels] == ["lstm", "lstm, open", "mine"]
