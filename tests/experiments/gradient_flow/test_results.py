import numpy as np

from experiments.gradient_flow.results import snapshot_title
from tests.experiments.gradient_flow.made_up import SEEDS, SEQUENCES, STEPS, cell_results, results


def test_norms_are_turned_from_the_order_of_time_to_the_distance():
    cell = cell_results(rate=0.5)
    logs = cell.by_distance("log_norm/joint", 1)
    assert logs.shape == (STEPS + 1, SEEDS, SEQUENCES)
    np.testing.assert_array_equal(logs[0], cell.arrays["log_norm/joint"][1, :, -1])
    assert cell.timescales("log_norm/joint", 1)[0].timescale > 0


def test_the_ends_are_the_first_and_the_last_snapshot_or_the_only_one():
    assert cell_results(snapshots=(0, 2, 5)).ends == [0, 2] and cell_results(snapshots=(0,)).ends == [0]


def test_fields_and_gates_are_read_off_the_names_of_arrays():
    cell = cell_results(fields=("h", "c"), gates=("i", "f"))
    assert cell.fields == ["h", "c"] and cell.group("gate/mean") == ["i", "f"]


def test_the_longest_distance_is_that_of_the_arrays():
    assert results().longest == STEPS


def test_a_snapshot_is_named():
    assert [snapshot_title(step) for step in (0, 7)] == ["At initialisation", "After 7 training steps"]
