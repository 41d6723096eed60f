import csv
import re

import pytest

from experiments.common.columns import COLUMNS
from experiments.common.workdir import Workdir


def test_columns_have_names_that_code_can_write_and_a_meaning():
    assert not [name for name in COLUMNS if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name)]
    assert all(meaning.strip() and not meaning.endswith(".") for meaning in COLUMNS.values())


def test_a_logarithm_is_natural_and_says_so():
    assert not [name for name in COLUMNS if "log10" in name or "log2" in name]
    assert not [name for name in COLUMNS if re.search(r"(^|_)log_", name) and not re.search("_nats(_per_step)?$", name)]


def test_a_folder_says_what_the_columns_of_all_its_tables_mean(tmp_path):
    with Workdir(tmp_path / "run", config={}, data={}) as workdir:
        workdir.write_csv("results.csv", ["cell", "seed"], [("lstm", 0)])
        workdir.write_csv("figures/one.csv", ["seed"], [(0,)])
        workdir.write_csv("results.csv", ["seed", "cell"], [(0, "lstm")])  # again, with other columns
    with (tmp_path / "run" / "columns.csv").open() as file:
        rows = list(csv.reader(file))
    assert [row[:2] for row in rows] == [
        ["file", "column"],
        ["figures/one.csv", "seed"],
        ["results.csv", "seed"],
        ["results.csv", "cell"],
    ]
    assert rows[1][2] == COLUMNS["seed"]


def test_a_table_with_a_column_that_nobody_explained_is_not_written(tmp_path):
    said = pytest.raises(ValueError, match=r"COLUMNS what these columns mean: shoe_size\.")
    with Workdir(tmp_path / "run", config={}, data={}) as workdir, said:
        workdir.write_csv("results.csv", ["cell", "shoe_size"], [("lstm", 42)])
    assert not (tmp_path / "run" / "results.csv").exists()
