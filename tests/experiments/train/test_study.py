import re
import shutil
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.experiments.train.running import is_as_if_left_alone, rows, run


def test_every_line_that_is_due_is_there_once(finished):
    lines = rows(finished)
    assert [row["step"] for row in lines] == list(range(0, 61, 5))
    assert all(("eval_loss" in row) == (row["step"] % 10 == 0) for row in lines)
    assert all(("gradient_norms" in row) == (row["step"] % 20 == 0) for row in lines)
    assert all(np.isfinite(row["loss"]) and row["largest_gradient"] > 0 for row in lines[1:])


def test_the_report_shows_learning_and_gradient_flow(finished):
    html = (finished / "report.html").read_text()
    assert html.count("data:image/png;base64,") == 2
    assert not re.findall(r'(?:src|href)="https?:', html) and "<script" not in html
    assert re.search(r"guessing gives 0\.167", html)
    for name in ("learning", "gradient_flow"):
        assert (finished / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        ElementTree.parse(finished / "figures" / f"{name}.svg")
        assert len((finished / "figures" / f"{name}.csv").read_text().splitlines()) > 5


def test_a_finished_training_is_kept(finished, capsys):
    before = (finished / "report.html").stat().st_mtime_ns
    assert run(finished) == 0
    assert "finished; nothing was done" in capsys.readouterr().err
    assert (finished / "report.html").stat().st_mtime_ns == before


@pytest.fixture(scope="module")
def longer(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("training") / "run"
    assert run(workdir, "--config.steps=80") == 0
    return workdir


@pytest.mark.parametrize(
    "steps", [60, pytest.param(63, marks=pytest.mark.slow), pytest.param(65, marks=pytest.mark.slow)]
)
def test_a_finished_training_goes_on_to_more_steps_with_the_bits_of_one_that_was_so_long(
    finished, longer, tmp_path, capsys, steps
):
    """Also where its last line, or what is in it, is none that the longer one has: after 63 and 65 steps."""
    if steps == 60:
        shutil.copytree(finished, tmp_path / "run")
    else:
        assert run(tmp_path / "run", f"--config.steps={steps}") == 0
    capsys.readouterr()
    assert run(tmp_path / "run", "--config.steps=80") == 0
    said = capsys.readouterr().err
    assert "warning" not in said and "goes on after step 60" in said
    is_as_if_left_alone(tmp_path / "run", longer)
    assert run(tmp_path / "run", "--config.steps=70") == 2
    assert "It can grow in this, and not shrink" in capsys.readouterr().err


def test_another_config_is_refused(finished, capsys):
    assert run(finished, "--config.seed=1") == 2
    assert "holds another study" in capsys.readouterr().err


def test_it_stops_where_the_task_is_solved(tmp_path):
    arguments = ("--config.tasks=delayed_xor(12, delay=1, order=0)", "--config.learning_rate=0.05", "--config.steps=2000",
                 "--config.hidden_size=8", "--config.remedies=", "--config.batch=16")  # fmt: skip
    assert run(tmp_path / "run", *arguments) == 0
    lines = rows(tmp_path / "run")
    assert lines[-1]["eval_error"] < 0.01 and lines[-1]["step"] < 2000
    assert lines[-1]["confirmed_error"] < 0.01 and not any("confirmed_error" in line for line in lines[:-1])
    assert "Solved after" in (tmp_path / "run" / "report.html").read_text()


@pytest.fixture(scope="module")
def three_seeds(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("training") / "run"
    assert run(workdir, "--config.seeds=3", "--config.tensorboard=True") == 0
    return workdir


def test_seeds_side_by_side_learn_what_they_learn_alone(finished, three_seeds):
    lines = rows(three_seeds)
    assert [(row["step"], row["seed"]) for row in lines] == [(n, k) for n in range(0, 61, 5) for k in range(3)]
    for alone, beside in zip(rows(finished), [row for row in lines if row["seed"] == 0], strict=True):
        assert beside.keys() == alone.keys()
        assert [v for v in beside.values()] == pytest.approx([v for v in alone.values()], rel=1e-4)
    assert len({row["eval_loss"] for row in lines if row["step"] == 60}) == 3
    assert "seeds, after" in (text := (three_seeds / "report.html").read_text()) or "of 3 (" in text


def test_what_is_written_for_tensorboard_is_what_was_logged(three_seeds):
    from tensorboardX.proto import event_pb2

    written = {}
    for path in (three_seeds / "tensorboard").iterdir():
        data, position = path.read_bytes(), 0
        while position < len(data):
            # Length, its checksum, the event, its checksum: the records of TFRecord files.
            length = int.from_bytes(data[position : position + 8], "little")
            event = event_pb2.Event.FromString(data[position + 12 : position + 12 + length])
            written |= {(event.step, value.tag): value.simple_value for value in event.summary.value}
            position += 16 + length
    for row in rows(three_seeds):
        for name, value in row.items():
            if isinstance(value, float):
                assert written.pop((row["step"], f"seed_{row['seed']}/{name}")) == pytest.approx(value, rel=1e-6)
    assert not written


def test_a_workdir_that_cannot_be_written_is_named(capsys):
    assert run("/proc/recurrax") == 2
    errors = capsys.readouterr().err
    assert "--workdir=/proc/recurrax cannot be written" in errors and len(errors.splitlines()) <= 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--config.cells=lstmm",), "config.cells is wrong: unknown cell 'lstmm'"),
        (("--config.remedy=omega",), "config has no such field"),
        (("--config.remedies=forget_bias", "--config.cells=rnn"), "ForgetBias does not fit RNN"),
        (("--config.tasks=sequential_images('/nowhere')",), "path must be an .npz or a folder"),
        (("--config.cells=conv_lstm",), "ConvLSTM(hidden_size=4"),
        (("--config.cells=tests.experiments.cells:WithoutCarry",), "WithoutCarry(hidden_size=4"),
        (("--config.cell=convlstm",), "Did you mean --config.cells"),
        (("--config.learning_rate=1e-50",), "config.learning_rate must be 0, or at least 1.18e-38 in size, got 1e-50"),
        (("--hidden_size=8",), "Did you mean --config.hidden_size?"),
        (("--hiden_size=8",), "Did you mean --config.hidden_size"),
        (("--config.seed=4294967296",), "config.seed must be"),
        (("--config.tasks=mnist_1d(seed=4294967296)",), "seed must be at most 2**32 - 1"),
        (("--config.tasks=sequential_images('a\\0b')",), "path must be an .npz or a folder"),
        (("--config.steps=0",), "config.steps must be at least 1"),
    ],
)
def test_what_is_wrong_ends_in_three_lines_and_status_2(tmp_path, capsys, arguments, message):
    assert run(tmp_path / "run", *arguments) == 2
    errors = capsys.readouterr().err
    assert message in errors and len(errors.splitlines()) <= 3
