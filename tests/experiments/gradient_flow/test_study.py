"""Whole studies, small ones; `finished` is one that most tests look at."""

import csv
import json
import math
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from xml.etree import ElementTree

import numpy as np
import pytest

from experiments.common import cli
from experiments.common.prose import NO_BREAK, power
from experiments.gradient_flow import study
from experiments.gradient_flow.config import GradientFlow
from experiments.gradient_flow.timescales import fit_timescale_of, timescale_text

SMALL = (
    "--config.hidden_size=4", "--config.seeds=2", "--config.measure.length=12", "--config.measure.batch=3",
    "--config.measure.jacobian_batch=1", "--config.measure.lyapunov_length=30", "--config.train.snapshots=0,2,5",
    "--config.train.batch=4", "--config.train.length=8", "--config.cells=rnn,lstm",
)  # fmt: skip


def run(workdir, *arguments):
    argv = ["gradient_flow", f"--workdir={workdir}", *SMALL, *arguments]
    return cli.exit_status(
        study.main, argv, description="", default_config="configs/gradient_flow.py", schema=GradientFlow
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("study") / "run"
    assert run(workdir) == 0
    return workdir


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_every_figure_is_there_as_png_svg_and_the_numbers_behind_it(finished):
    names = {path.stem for path in (finished / "figures").iterdir()}
    in_detail = {"gradient_norm", "reach", "gradient_map", "paths", "jacobian", "lyapunov", "gates", "learning"}
    carriers = {"alignment", "weights", "gate_gradients", "gates_over_time"}
    assert names == in_detail | carriers | {"zoo", "cost"}
    for name in names:
        assert (finished / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        ElementTree.parse(finished / "figures" / f"{name}.svg")
        assert rows(finished / "figures" / f"{name}.csv")


def test_the_report_needs_nothing_but_itself(finished):
    html = (finished / "report.html").read_text()
    assert html.count("data:image/png;base64,") == 14
    assert not re.findall(r'(?:src|href)="https?:', html) and "<script" not in html
    assert "RNN" in html and "LSTM" in html


def test_the_tidy_table_has_every_quantity_of_every_cell_seed_and_snapshot(finished):
    table = rows(finished / "results.csv")
    for cell in ("RNN", "LSTM"):
        mine = [row for row in table if row["cell"] == cell]
        assert {row["quantity"] for row in mine} >= {
            "log_norm", "log_singular_value", "lyapunov_exponent", "train_loss", "held_out_loss",
        }  # fmt: skip
        joint = [r for r in mine if (r["quantity"], r["field"], r["statistic"]) == ("log_norm", "joint", "median")]
        assert {(r["seed"], r["training_step"], r["index"]) for r in joint} == {
            (str(s), str(p), str(k)) for s in (0, 1) for p in (0, 2, 5) for k in range(13)
        }
    assert all(math.isfinite(float(r["value"])) for r in table if r["field"] == "joint")


def test_the_record_tells_config_data_and_versions(finished):
    record = json.loads((finished / "config.json").read_text())
    assert record["config"]["hidden_size"] == 4 and len(record["data"]["sha256"]) == 64 and "jax" in record["versions"]


def test_a_finished_study_is_kept(finished, capsys):
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*") if path.is_file() and path.name != ".lock"}
    assert run(finished) == 0
    assert "finished; nothing was done" in capsys.readouterr().err
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_a_study_that_was_cut_short_goes_on_with_the_same_bits(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "w")
    for name in ("done.json", "report.html", "results.csv"):
        (tmp_path / "w" / name).unlink()
    (gone,) = (tmp_path / "w" / "parts").glob("rnn-*/seed-1")
    shutil.rmtree(gone)
    assert run(tmp_path / "w") == 0
    for name in ("report.html", "results.csv"):
        assert (tmp_path / "w" / name).read_bytes() == (finished / name).read_bytes()


def test_another_config_in_a_finished_folder_is_refused(finished, capsys):
    assert run(finished, "--config.hidden_size=5") == 2
    assert "config.hidden_size is 4 there and 5 here" in capsys.readouterr().err


def test_noise_and_a_cell_of_ones_own(tmp_path):
    arguments = ("--config.data.source=noise", "--config.data.variance=0.5", "--config.data.features=3")
    assert run(tmp_path / "w", *arguments, "--config.cells=recurrax.cells.rnn:RNN") == 0
    record = json.loads((tmp_path / "w" / "config.json").read_text())
    assert record["config"]["train"]["snapshots"] == [0]


@pytest.mark.slow
def test_cells_of_several_layers_within_a_step(tmp_path):
    assert run(tmp_path / "w", "--config.cells=depthgatedlstm", "--config.data.source=noise") == 0
    gates = [float(row["value"]) for row in rows(tmp_path / "w" / "results.csv") if row["quantity"] == "gate"]
    assert gates and np.isfinite(gates).all()


@pytest.mark.slow
def test_cells_that_prepare_weights_or_have_a_complex_state(tmp_path):
    """And no row of minus infinity for paths that a state of one field does not have."""
    arguments = ("--config.cells=lru,mingru", "--config.data.source=noise")
    assert run(tmp_path / "w", *arguments) == 0
    table = rows(tmp_path / "w" / "results.csv")
    assert {row["cell"] for row in table} == {"LRU", "MinGRU"}
    assert not [row for row in table if row["field"] == "path_rest"]


@pytest.mark.slow
def test_dead_units_give_a_report_though_their_exponents_are_minus_infinity(tmp_path):
    (tmp_path / "w").mkdir()
    assert run(tmp_path / "w", "--config.cells=tests.experiments.cells:DeadRelu", "--config.train.snapshots=0") == 0
    assert (tmp_path / "w" / "report.html").exists()


@pytest.mark.slow
def test_a_gradient_of_zero_everywhere_gives_a_report(tmp_path):
    (tmp_path / "one.txt").write_text("a" * 4000)
    assert run(tmp_path / "w", f"--config.data.path={tmp_path}/one.txt", "--config.cells=lstm") == 0
    assert ": nan" not in (tmp_path / "w" / "report.html").read_text()


@pytest.mark.slow
def test_a_huge_input_is_told_or_drawn_but_never_ends_in_a_traceback(tmp_path):
    arguments = ("--config.data.source=noise", "--config.data.variance=1e38", "--config.cells=rnn,lstm")
    assert run(tmp_path / "w", *arguments) == 0


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--config.cells=lstm,elman", "unknown cell 'elman'"),
        ("--config.data.path=/no/such/file", "cannot be read"),
        ("--config.data.path=~nobody-of-that-name/text", "~nobody-of-that-name/text cannot be read"),
        ("--config.train.learning_rate=1e300", "config.train.learning_rate must be"),
    ],
)
def test_a_study_that_cannot_run_is_refused_before_it_begins(tmp_path, capsys, argument, message):
    assert run(tmp_path / "w", argument) == 2
    err = capsys.readouterr().err
    assert message in err and len(err.splitlines()) <= 3 and "Traceback" not in err
    assert not (tmp_path / "w").exists()


def test_ctrl_c_ends_with_130_and_the_record_tells_the_command_as_one_would_type_it(tmp_path):
    # A shell's background jobs ignore Ctrl-C, and so would their children, this one among them.
    listen = "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    script = f"{listen}; runpy.run_module('experiments.gradient_flow', run_name='__main__', alter_sys=True)"
    arguments = [f"--workdir={tmp_path}/my run", *SMALL, "--config.train.snapshots=0,3000000"]
    record = tmp_path / "my run" / "config.json"
    with subprocess.Popen([sys.executable, "-c", script, *arguments], stderr=subprocess.PIPE, text=True) as process:
        try:
            deadline = time.monotonic() + 120
            while not record.exists() and time.monotonic() < deadline:
                time.sleep(0.1)
            time.sleep(1)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130 and "Traceback" not in err
    assert "the same command goes on" in err
    command = json.loads(record.read_text())["command"]
    assert shlex.split(command) == ["python", "-m", "experiments.gradient_flow", *arguments]


@pytest.mark.slow
def test_a_study_grows_by_cells_seeds_and_snapshots_to_the_bits_of_a_large_one(finished, tmp_path):
    more = ("--config.cells=rnn,lstm,lstm(forget_bias=3.0)", "--config.seeds=3")
    shutil.copytree(finished, tmp_path / "grown")
    parts = {path: path.stat().st_mtime_ns for path in (tmp_path / "grown" / "parts").rglob("seed-*/*.npz")}
    assert run(tmp_path / "grown", *more) == 0
    assert parts and parts == {path: path.stat().st_mtime_ns for path in parts}
    assert run(tmp_path / "large", *more) == 0
    grown, large = (
        [row for row in rows(tmp_path / name / "results.csv") if not row["quantity"].endswith(("_ms", "_bytes"))]
        for name in ("grown", "large")
    )
    assert grown == large and {row["cell"] for row in grown} == {"RNN", "LSTM", "LSTM(forget_bias=3.0)"}


def test_every_number_of_the_summary_can_be_computed_again_from_results_csv(finished):
    table = [row for row in rows(finished / "results.csv")]

    def values(cell, step, quantity, field="", statistic="value", index=None):
        """Returns the numbers of a quantity by seed."""
        found = {}
        for row in table:
            key = row["cell"], row["training_step"], row["quantity"], row["field"], row["statistic"]
            if key == (cell, step, quantity, field, statistic) and index in (None, row["index"]):
                found.setdefault(row["seed"], []).append(float(row["value"]))
        return np.array(list(found.values()))

    page = (finished / "report.html").read_text().replace("\N{NO-BREAK SPACE}", " ")
    text = re.sub(r"<[^>]+>", "|", page[page.index("In numbers") :])
    cells = [[part.strip() for part in line.split("|") if part.strip()] for line in text.splitlines() if "|" in line]
    summary = [row for row in cells if any("initialisation" in part or "training steps" in part for part in row)]
    label, seen = "", 0
    for row in summary:
        if "at distance" in " ".join(row) or not re.search(r"\d+: ", " ".join(row)):
            continue
        if row[0] in ("RNN", "LSTM"):
            label, row = row[0], row[1:]
        step = re.sub(r"\D", "", row[0]) or "0"
        reach = np.median(values(label, step, "log_norm", "joint", "median_ratio", "12")[:, 0])
        assert row[1].endswith(f"12: {power(reach).replace(NO_BREAK, ' ')}")
        curves = values(label, step, "log_norm", "joint", "median_ratio").T
        assert row[3] == timescale_text(fit_timescale_of(curves))
        assert row[4] == f"{values(label, step, 'lyapunov_exponent', index='0').mean():+.3f}"
        memory = values(label, step, "gate", "", "memory_time")
        assert row[5] == (f"{np.median(memory):.1f} steps" if memory.size else "-")
        assert row[6] == f"{values(label, step, 'held_out_loss').mean() / math.log(2):.2f}"
        seen += 1
    assert seen == 4
