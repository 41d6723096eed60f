import numpy as np

from experiments.gradient_flow.results import joined, lines_and_bands, snapshot_title
from recurrax import RNN
from tests.experiments.gradient_flow.made_up import SEEDS, SEQUENCES, STEPS, cell_results, results


def test_norms_are_turned_from_the_order_of_time_to_the_distance():
    cell = cell_results(rate=0.5)
    logs = cell.of_sequences("log_norm/joint", 1)
    assert logs.shape == (STEPS + 1, SEEDS, SEQUENCES)
    np.testing.assert_array_equal(logs[0], cell.arrays["log_norm/joint"][1, :, -1])
    np.testing.assert_array_equal(cell.by_distance("log_norm/joint", 1), np.median(logs, -1))
    np.testing.assert_allclose(cell.ratio("log_norm/joint", 1), np.median(logs - logs[0], -1))
    assert cell.timescale("log_norm/joint", 1).timescale > 0


def test_the_ends_are_the_first_and_the_last_snapshot_or_the_only_one():
    assert cell_results(snapshots=(0, 2, 5)).ends == [0, 2] and cell_results(snapshots=(0,)).ends == [0]


def test_fields_and_gates_are_read_off_the_names_of_arrays():
    cell = cell_results(fields=("h", "c"), gates=("i", "f"))
    assert cell.fields == ["h", "c"] and cell.group("gate/mean") == ["i", "f"]


def test_the_longest_distance_is_that_of_the_arrays():
    assert results().longest == STEPS


def test_a_snapshot_is_named():
    assert [snapshot_title(step) for step in (0, 1, 2500)] == [
        "At initialisation", "After 1 training step", "After 2,500 training steps"
    ]  # fmt: skip


def test_families_with_several_starts_have_a_panel_each_and_single_cells_share_one():
    starts = [cell_results("LSTM, a"), cell_results("LSTM, b"), cell_results("RNN", ("h",), ())]
    panels = results(*starts).panels
    assert {family: [cell.start for cell in cells] for family, cells in panels.items()} == {
        "LSTM": ["a", "b"], "RNN": ["RNN"],
    }  # fmt: skip
    assert list(results(*starts[1:]).panels) == [""]


def test_a_caption_says_what_lines_and_bands_are():
    assert lines_and_bands(3, 1) == (
        "Lines: the median of 3 seeds, each of one sequence; bands: from the lowest seed to the highest"
    )


def test_parts_of_seeds_are_put_side_by_side_and_theory_stays_out_where_one_seed_has_none():
    def part(seed):
        norms = {f"snapshot/{step}/log_norm/joint": np.full((1, 3, 2), 10.0 * step + seed) for step in (0, 5, 9)}
        ends = {f"end/{step}/lyapunov_exponent": np.full((1, 4), float(step)) for step in (0, 9)}
        sizes = {f"end/{step}/state_size": np.array(4) for step in (0, 9)}
        theory = {"start/0/theory/log_ratio": np.zeros((1, 3))} if seed else {}
        return {**norms, **ends, **sizes, **theory, "losses": np.full((1, 9), float(seed))}

    arrays = joined([part(0), part(1)], (0, 5, 9), RNN(hidden_size=4))
    np.testing.assert_array_equal(arrays["log_norm/joint"][:, :, 0, 0], [[0, 1], [50, 51], [90, 91]])
    assert arrays["lyapunov_exponent"].shape == (2, 2, 4) and arrays["state_size"] == 4
    assert arrays["train_loss"].shape == (9, 2) and "theory/log_ratio" not in arrays
