import re

from experiments.common.columns import COLUMNS


def test_columns_have_names_that_code_can_write_and_a_meaning():
    assert not [name for name in COLUMNS if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name)]
    assert all(meaning.strip() and not meaning.endswith(".") for meaning in COLUMNS.values())
