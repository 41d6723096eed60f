import sys
from types import SimpleNamespace

import pytest

from experiments.common import cli
from experiments.common.errors import ExperimentError

CONFIG = """
import ml_collections

def get_config():
    return ml_collections.ConfigDict({"cells": "rnn,lstm", "size": 3, "train": {"rate": 0.1, "steps": (0, 5)}})
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.py"
    path.write_text(CONFIG)
    return path


def status(config, *arguments, main=lambda config, path: None):
    return cli.exit_status(
        main, ["experiments.some.study", *arguments], description="A study.", default_config=str(config)
    )


def test_fields_are_set_on_the_command_line(config, tmp_path):
    seen = []
    arguments = [
        f"--workdir={tmp_path}/w",
        "--config.cells=lstm,gru",
        "--config.size=7",
        "--config.train.steps=0,10,30",
    ]
    assert status(config, *arguments, main=lambda config, path: seen.append((config, path))) == 0
    assert seen[0][0].cells == "lstm,gru" and seen[0][0].size == 7 and seen[0][0].train.steps == (0, 10, 30)
    assert seen[0][1] == tmp_path / "w"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--workdir is missing"),
        (["--workdir=~nobody-of-that-name/w"], "--workdir=~nobody-of-that-name/w"),
        (["--workdir=w", "--nonsense=3"], "nonsense"),
        (["--workdir=w", "--config.siez=3"], "Did you mean --config.size"),
        (["--workdir=w", "--config.train.rat=3"], "Did you mean --config.train.rate"),
        (["--workdir=w", "--config.size=many"], "size"),
        (["--workdir=w", "--config.size=2.5"], "size"),
        (["--workdir=w", "stray"], "stray"),
        (["--workdir=w", "--config=nowhere.py"], "there is no such file"),
    ],
)
def test_a_mistake_ends_in_three_lines_and_status_two(config, arguments, message, capsys):
    assert status(config, *arguments) == 2
    out, err = capsys.readouterr()
    assert message in err and len(err.splitlines()) <= 3 and "Traceback" not in err and not out


@pytest.mark.parametrize(
    "content", ["def get_config(:", "x = 1", "import nothing_of_that_name", "def get_config(): return 3"]
)
def test_a_broken_config_file_is_named(tmp_path, content, capsys):
    path = tmp_path / "config.py"
    path.write_text(content)
    assert status(path, "--workdir=w") == 2
    err = capsys.readouterr().err
    assert str(path) in err and len(err.splitlines()) <= 3 and "Traceback" not in err


def test_errors_of_the_study_are_shown_without_a_traceback(config, capsys):
    def main(config, path):
        raise ExperimentError("one\ntwo\nthree\nfour")

    assert status(config, "--workdir=w", main=main) == 2
    assert capsys.readouterr().err == "error: one\ntwo\nthree\n"


def test_a_full_disk_is_told_in_two_lines(config, capsys):
    def main(config, path):
        raise OSError(28, "No space left on device", "w/results.csv")

    assert status(config, "--workdir=w", main=main) == 2
    assert "No space left on device: w/results.csv" in capsys.readouterr().err


def test_an_interruption_says_how_to_go_on(config, capsys):
    def main(config, path):
        raise KeyboardInterrupt

    assert status(config, "--workdir=w", main=main) == 130
    assert "the same command goes on" in capsys.readouterr().err


def test_a_bug_keeps_its_traceback(config):
    def main(config, path):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        status(config, "--workdir=w", main=main)


def test_the_last_of_repeated_overrides_counts(config, tmp_path):
    seen = []
    arguments = [f"--workdir={tmp_path}/w", "--config.train.steps=0", "--config.train.steps=0,1"]
    assert status(config, *arguments, main=lambda config, path: seen.append(config)) == 0
    assert seen[0].train.steps == (0, 1)


@pytest.mark.parametrize(
    ("module", "typed"),
    [("experiments.train.__main__", "experiments.train"), ("tools.gallery", "tools.gallery")],
)
def test_the_command_is_the_one_that_was_typed(monkeypatch, module, typed):
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", SimpleNamespace(name=module), raising=False)
    monkeypatch.setattr(sys, "argv", ["/somewhere/__main__.py", "--workdir=my run"])
    assert cli.command() == f"python -m {typed} '--workdir=my run'"


def test_the_command_of_a_script_is_its_path(monkeypatch):
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None, raising=False)
    monkeypatch.setattr(sys, "argv", ["study.py", "--config.seed=1"])
    assert cli.command() == "python study.py --config.seed=1"


def test_help_lists_every_field(config, capsys):
    assert status(config, "--help") == 0
    out = capsys.readouterr().out
    assert (
        "A study." in out
        and "python -m experiments.some.study --workdir=DIR" in out
        and "--config.train.rate=0.1" in out
        and "--workdir" in out
    )


@pytest.mark.parametrize("flag", ["--help", "--helpfull"])
def test_help_lists_what_the_config_may_name(config, capsys, flag):
    assert (
        cli.exit_status(
            print,
            ["some", flag],
            description="",
            default_config=str(config),
            names=lambda: {"cells": {"error": ExperimentError}},
        )
        == 0
    )
    out = capsys.readouterr().out
    assert "cells:" in out and "error" in out


def test_a_config_is_found_from_any_folder(tmp_path, monkeypatch, capsys):
    """By a path within the clone, which holds where the same path leads nowhere from here."""
    monkeypatch.chdir(tmp_path)
    assert cli.exit_status(print, ["some", "--help"], description="", default_config="configs/train.py") == 0
    assert "--config.hidden_size=64" in capsys.readouterr().out
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "train.py").write_text(CONFIG)
    assert cli.exit_status(print, ["some", "--help"], description="", default_config="configs/train.py") == 0
    assert "--config.size=3" in capsys.readouterr().out
