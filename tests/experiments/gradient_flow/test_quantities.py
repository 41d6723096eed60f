import numpy as np
import pytest

from experiments.gradient_flow.quantities import COLUMNS, NOT_TIDY, QUANTITIES, quantity_of, tidy_rows
from experiments.gradient_flow.results import CellResults
from tests.experiments.gradient_flow.made_up import SEEDS, SEQUENCES, SIZE, STEPS, cell_results


def table(cell):
    return [dict(zip(COLUMNS, row, strict=True)) for row in tidy_rows([cell], range(SEEDS))]


def with_array(name, values):
    cell = cell_results()
    return CellResults(cell.variant, {**cell.arrays, name: values})


def test_every_quantity_has_its_rows_and_a_unit():
    rows = table(cell_results())
    assert {row["quantity"] for row in rows} == {quantity.name for quantity in QUANTITIES}
    assert all(row["unit"] for row in rows)


def test_an_array_that_nothing_is_said_of_is_named():
    with pytest.raises(ValueError, match="array 'participation' is unknown"):
        table(with_array("participation", np.zeros((3, SEEDS))))


def test_an_array_of_another_shape_is_named():
    with pytest.raises(ValueError, match=r"array 'train_loss' must have the axes \(training step, seed\)"):
        table(with_array("train_loss", np.zeros((5, SEEDS + 1))))


def test_every_array_without_rows_has_a_reason():
    names = [name for name in cell_results().arrays if quantity_of(name) is None]
    assert "snapshots" in names and all(NOT_TIDY.values())


def test_norms_are_statistics_over_sequences_by_distance_from_the_loss():
    logs = np.zeros((3, SEEDS, STEPS + 1, SEQUENCES))
    logs[1, 1, 0] = np.log([1.0, 2.0, 6.0])  # at t = 0, the greatest distance
    rows = table(with_array("log_norm/joint", logs))
    of_one = {
        row["statistic"]: row["value"]
        for row in rows
        if (row["training_step"], row["seed"], row["field"], row["index"]) == (2, 1, "joint", STEPS)
    }
    assert of_one["median"] == np.log(2)


def test_the_median_of_ratios_is_that_of_every_sequence_with_its_own_norm_at_the_loss():
    logs = np.zeros((3, SEEDS, STEPS + 1, SEQUENCES))
    logs[:, :, -1] = [0.0, 5.0, 9.0]  # at the loss
    logs[:, :, 0] = [1.0, 2.0, 30.0]
    rows = table(with_array("log_norm/joint", logs))
    values = {row["value"] for row in rows if row["statistic"] == "median_ratio" and row["index"] == STEPS
              and row["field"] == "joint"}  # fmt: skip
    assert values == {1.0}


def test_costs_have_a_row_for_every_cell():
    cells = [cell_results("RNN", ("h",), ()), cell_results()]
    costs = {"parameters": np.array([10, 20]), "gradient_ms": np.array([0.5, 1.5])}
    rows = [row for row in tidy_rows(cells, range(SEEDS), costs) if row[3] in costs]
    assert [(row[0], row[3], row[-2], row[-1]) for row in rows] == [
        ("RNN", "parameters", 10, ""), ("LSTM", "parameters", 20, ""),
        ("RNN", "gradient_ms", 0.5, "ms"), ("LSTM", "gradient_ms", 1.5, "ms"),
    ]  # fmt: skip


def test_losses_stand_at_their_training_steps_without_an_index():
    rows = [
        row for row in table(cell_results()) if row["quantity"] in ("train_loss", "held_out_loss") and not row["seed"]
    ]
    steps = {
        name: [row["training_step"] for row in rows if row["quantity"] == name]
        for name in ("train_loss", "held_out_loss")
    }
    assert steps == {"train_loss": [1, 2, 3, 4, 5], "held_out_loss": [0, 2, 5]}
    assert {row["index"] for row in rows} == {""}


def test_units_of_several_layers_are_numbered_one_after_another():
    rows = table(with_array("gate/mean/i", np.arange(2 * SEEDS * 6.0).reshape(2, SEEDS, 3, 2)))
    mine = [row for row in rows if (row["quantity"], row["field"], row["statistic"]) == ("gate", "i", "mean")]
    first = [(row["index"], row["value"]) for row in mine if (row["training_step"], row["seed"]) == (0, 0)]
    assert first == [(n, float(n)) for n in range(6)]
    of_f = [row for row in rows if (row["quantity"], row["field"], row["statistic"]) == ("gate", "f", "mean")]
    assert len(of_f) == 2 * SEEDS * SIZE
