import os
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.common.help import explained, help_text, listed

ROOT = Path(__file__).parents[3]


class Good:
    """Does good.

    More about it.
    """


class Schema:
    """A config.

    Attributes:
      size: how large.
    """

    size: int


def test_a_field_stands_with_its_value_and_meaning():
    text = help_text("experiments.some", "A study.", "a.py", {"size": 3, "names": ("a b", "c")}, Schema, [])
    assert "--config.size=3\n      how large." in text and "--config.names='a b,c'" in text


def test_names_are_listed_short_and_in_full():
    names = {"remedies": {"good": Good}}
    assert listed(names) == "\nremedies: good"
    assert explained(names) == "\nremedies:\n  good: Does good."
    assert listed({}) == explained({}) == ""


@pytest.mark.slow
@pytest.mark.parametrize("study", ["train", "remedies", "gradient_flow"])
def test_help_works_from_any_folder_and_lists_what_may_be_named(tmp_path, study):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for flag in ("--help", "--helpfull"):
        command = [sys.executable, "-m", f"experiments.{study}", flag]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "lstm" in done.stdout and "zoneout" in done.stdout
        if study != "gradient_flow":
            assert "hessian_free" in done.stdout and "temporal_order" in done.stdout
        assert (" lstm: " in done.stdout) == (flag == "--helpfull")
