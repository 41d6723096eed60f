import dataclasses

import pytest
from ml_collections import ConfigDict

from experiments.common.config import field_docs, flatten, from_config, require, to_dict
from experiments.common.errors import ExperimentError


@dataclasses.dataclass(frozen=True)
class Train:
    """Training.

    Attributes:
      rate: of Adam.
      steps: counted
        from 0.
    """

    rate: float
    steps: tuple[int, ...]

    def __post_init__(self):
        require(self.rate > 0, "rate", self.rate, "above 0")


@dataclasses.dataclass(frozen=True)
class Study:
    """A study.

    Attributes:
      cells: which ones.
    """

    cells: str
    seeds: int
    train: Train


GOOD = {"cells": "lstm", "seeds": 2, "train": {"rate": 0.1, "steps": (0, 5)}}


def changed(path, value):
    config = ConfigDict(GOOD)
    with config.unlocked():
        group = config
        *groups, last = path.split(".")
        for name in groups:
            group = group[name]
        with group.ignore_type():
            group[last] = value
    return config


def test_a_good_config_becomes_the_dataclass_and_goes_back():
    study = from_config(Study, ConfigDict(GOOD))
    assert study == Study("lstm", 2, Train(0.1, (0, 5)))
    assert flatten(to_dict(study))["train.steps"] == [0, 5]


def test_a_whole_number_passes_for_a_float():
    assert from_config(Study, changed("train.rate", 1)).train.rate == 1.0


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("seeds", 2.5, "config.seeds must be a whole number, got 2.5"),
        ("seeds", True, "config.seeds must be a whole number, got True"),
        ("train.rate", float("nan"), "config.train.rate must be a finite number, got nan"),
        ("train.rate", float("inf"), "config.train.rate must be a finite number"),
        ("train.rate", -1.0, "config.train.rate must be above 0, got -1.0"),
        ("train.steps", (0, 1.5), "config.train.steps must be whole numbers"),
        ("cells", 3, "config.cells must be a string"),
        ("train.rat", 0.1, "config.train.rat is no field.* Did you mean config.train.rate"),
        ("train", 3, "config.train must be a group"),
    ],
)
def test_a_wrong_field_is_named_with_what_came_and_what_was_expected(path, value, message):
    with pytest.raises(ExperimentError, match=message):
        from_config(Study, changed(path, value))


def test_a_missing_field_is_named():
    with pytest.raises(ExperimentError, match=r"config.train.rate is missing"):
        from_config(Study, {**GOOD, "train": {"steps": (0,)}})


def test_help_finds_the_documentation_of_nested_fields():
    assert field_docs(Study) == {
        "cells": "which ones.",
        "train.rate": "of Adam.",
        "train.steps": "counted from 0.",
    }
