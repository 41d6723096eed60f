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
from experiments.common.config import from_config
from experiments.gradient_flow import figures, measure
from experiments.gradient_flow import study as gradient_flow
from experiments.gradient_flow.config import GradientFlow
from experiments.gradient_flow.results import CellResults

SMALL = (
    "--config.hidden_size=4", "--config.seeds=2", "--config.flow.length=12", "--config.flow.batch=3",
    "--config.flow.jacobian_batch=1", "--config.flow.lyapunov_length=30", "--config.train.snapshots=0,2,5",
    "--config.train.batch=4", "--config.train.length=8",
)  # fmt: skip


def run(workdir, *arguments, small=SMALL):
    argv = ["gradient_flow.py", f"--workdir={workdir}", *small, *arguments]
    return cli.exit_status(
        gradient_flow.main, argv, description="", default_config="configs/gradient_flow.py", schema=GradientFlow
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
    in_detail = {"gradient_norm", "gradient_map", "paths", "jacobian", "lyapunov", "gates", "learning"}
    assert names == in_detail | {"zoo", "cost"}
    for name in names:
        assert (finished / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        ElementTree.parse(finished / "figures" / f"{name}.svg")
        assert rows(finished / "figures" / f"{name}.csv")


def test_the_report_needs_nothing_but_itself(finished):
    html = (finished / "report.html").read_text()
    assert html.count("data:image/png;base64,") == 9
    assert not re.findall(r'(?:src|href)="https?:', html) and "<script" not in html
    assert "RNN" in html and "LSTM" in html and "GRU" in html


def test_the_tidy_table_has_every_quantity_of_every_cell_seed_and_snapshot(finished):
    table = rows(finished / "results.csv")
    for cell in ("RNN", "LSTM", "GRU"):
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


def test_a_report_that_was_removed_is_drawn_again_from_the_finished_parts(finished, tmp_path, capsys):
    shutil.copytree(finished, tmp_path / "w")
    (tmp_path / "w" / "report.html").unlink()
    assert run(tmp_path / "w") == 0
    assert capsys.readouterr().err.count("already measured") == 3
    assert (tmp_path / "w" / "report.html").read_bytes() == (finished / "report.html").read_bytes()


def test_another_config_in_a_finished_folder_is_refused(finished, capsys):
    assert run(finished, "--config.hidden_size=5") == 2
    assert "config.hidden_size is 4 there and 5 here" in capsys.readouterr().err


def test_an_interrupted_study_goes_on_with_the_same_bits(finished, tmp_path, monkeypatch, capsys):
    def interrupted(name, *arguments):
        if name == "lstm":
            raise KeyboardInterrupt
        return original(name, *arguments)

    original = gradient_flow.measure_cell
    monkeypatch.setattr(gradient_flow, "measure_cell", interrupted)
    assert run(tmp_path / "w") == 130
    monkeypatch.setattr(gradient_flow, "measure_cell", original)
    assert run(tmp_path / "w") == 0
    assert "rnn: already measured" in capsys.readouterr().err
    assert (tmp_path / "w" / "results.csv").read_bytes() == (finished / "results.csv").read_bytes()


def test_noise_and_a_cell_of_ones_own(tmp_path):
    arguments = ("--config.data.source=noise", "--config.data.variance=0.5", "--config.data.features=3")
    assert run(tmp_path / "w", *arguments, "--config.cells=recurrax.cells.gru:GRU") == 0
    record = json.loads((tmp_path / "w" / "config.json").read_text())
    assert record["config"]["train"]["snapshots"] == [0]


@pytest.mark.slow
def test_cells_of_several_layers_within_a_step(tmp_path):
    assert run(tmp_path / "w", "--config.cells=depthgatedlstm", "--config.data.source=noise") == 0


@pytest.mark.slow
def test_cells_that_prepare_weights_or_have_a_complex_state(tmp_path):
    """And no row of minus infinity for paths that a state of one field does not have."""
    arguments = ("--config.cells=lru,mingru", "--config.data.source=noise")
    assert run(tmp_path / "w", *arguments) == 0
    table = rows(tmp_path / "w" / "results.csv")
    assert {row["cell"] for row in table} == {"LRU", "MinGRU"}
    assert not [row for row in table if row["field"] == "path_rest"]


def test_of_a_large_state_the_leading_exponents_are_measured_and_the_report_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "LARGE_STATE", 5)
    monkeypatch.setattr(figures, "LARGE_STATE", 5)
    monkeypatch.setattr(measure, "LEADING", 3)
    monkeypatch.setattr(figures, "LEADING", 3)
    arguments = ("--config.cells=rnn,lstm", "--config.hidden_size=4", "--config.data.source=noise")
    assert run(tmp_path / "w", *arguments, "--config.train.snapshots=0") == 0
    small, large = (np.load(tmp_path / "w" / "parts" / f"cell-{name}.npz") for name in ("rnn", "lstm"))
    assert small["state_size"] == small["lyapunov"].shape[-1] == 4 and "jacobian|largest" in small
    assert large["state_size"] == 8 and large["lyapunov"].shape[-1] == 3 and "jacobian|largest" not in large
    report = (tmp_path / "w" / "report.html").read_text()
    assert "states have more than 5 numbers: LSTM" in report.replace("&gt;", ">")
    assert "N > 5 the 3 leading" in report.replace("&gt;", ">")


def test_ones_own_text_is_read(tmp_path):
    (tmp_path / "mine.txt").write_text("the quick brown fox jumps over the lazy dog. " * 40)
    assert run(tmp_path / "w", f"--config.data.path={tmp_path}/*.txt", "--config.cells=rnn") == 0
    assert json.loads((tmp_path / "w" / "config.json").read_text())["data"]["name"] == "mine.txt"


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--config.cells=lstm,elman", "unknown cell 'elman'"),
        ("--config.cells=", "config.cells"),
        ("--config.cells=lstm,lstm", "every cell once"),
        ("--config.cells=nothing:Here", "cannot be imported"),
        ("--config.hidden_size=0", "config.hidden_size must be at least 1"),
        ("--config.seeds=-1", "config.seeds must be at least 1"),
        ("--config.train.snapshots=5,2", "config.train.snapshots must be"),
        ("--config.train.learning_rate=nan", "config.train.learning_rate must be"),
        ("--config.flow.jacobian_batch=99", "config.flow.jacobian_batch must be"),
        ("--config.data.source=web", "config.data.source must be"),
        ("--config.data.variance=0", "config.data.variance must be"),
        ("--config.data.path=/no/such/file", "cannot be read"),
        ("--config.data.path=~nobody-of-that-name/text", "~nobody-of-that-name/text cannot be read"),
    ],
)
def test_bad_input_ends_in_three_lines_and_writes_nothing(tmp_path, capsys, argument, message):
    assert run(tmp_path / "w", argument) == 2
    err = capsys.readouterr().err
    assert message in err and len(err.splitlines()) <= 3 and "Traceback" not in err
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("content", ["def f(:", "raise RuntimeError('no such device')", "raise SystemExit(3)"])
def test_a_module_of_ones_own_that_cannot_be_imported_is_named(tmp_path, monkeypatch, capsys, content):
    (tmp_path / "broken_cells.py").write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    assert run(tmp_path / "w", "--config.cells=broken_cells:Mine") == 2
    err = capsys.readouterr().err
    assert "config.cells" in err and "broken_cells" in err and len(err.splitlines()) <= 3
    assert not (tmp_path / "w").exists()


def test_a_diverging_training_is_told(tmp_path, capsys):
    arguments = ("--config.train.learning_rate=1e38", "--config.train.clip_norm=1e38", "--config.cells=rnn")
    assert run(tmp_path / "w", *arguments) == 2
    assert "became NaN or inf" in capsys.readouterr().err


def test_gate_histograms_are_densities(finished):
    with np.load(finished / "parts" / "cell-lstm.npz") as part:
        for gate in "ifgo":
            np.testing.assert_allclose(part[f"gates|histogram|{gate}"].sum(-1), 1.0, atol=1e-5)
            assert part[f"gates|histogram|{gate}"].shape == (2, 2, measure.BINS)


@pytest.mark.parametrize("snapshots", [1, 3])
@pytest.mark.parametrize("draw", [figures.gradient_norm, figures.paths, figures.jacobian, figures.lyapunov])
def test_no_legend_reaches_over_the_edge_of_its_figure(finished, draw, snapshots):
    config = from_config(GradientFlow, json.loads((finished / "config.json").read_text())["config"])
    with np.load(finished / "parts" / "cell-lstm.npz") as part:
        arrays = {key.replace("|", "/"): part[key] for key in part.files}
    arrays["snapshots"] = arrays["snapshots"][:snapshots]
    figure = draw([CellResults("lstm", "LSTM", arrays)], config, "A text").figure
    figure.draw_without_rendering()
    edge = figure.bbox
    for legend in [*figure.legends, *(ax.get_legend() for ax in figure.axes if ax.get_legend())]:
        box = legend.get_window_extent()
        assert edge.x0 <= box.x0 and box.x1 <= edge.x1 and edge.y0 <= box.y0 and box.y1 <= edge.y1


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
    ("arguments", "message"),
    [
        (["--config.cells=recurrax:Cell"], "config.cells"),
        (["--config.cells=tests.experiments.cells:WithoutSize"], "config.cells"),
        (["--config.cells=lstm,LSTM"], "every cell once"),
        (["--config.hidden_size=99999999999999999999"], "config.hidden_size must be"),
        (["--config.flow.batch=99999999999999999999"], "config.flow.batch must be"),
        (["--config.train.snapshots=0,99999999999999999999"], "config.train.snapshots must be"),
        (["--config.seed=2147483647", "--config.seeds=3"], "config.seed must be"),
        (["--config.train.learning_rate=1e300"], "config.train.learning_rate must be"),
    ],
)
def test_a_study_that_cannot_run_is_refused_before_it_begins(tmp_path, capsys, arguments, message):
    assert run(tmp_path / "w", *arguments) == 2
    err = capsys.readouterr().err
    assert message in err and len(err.splitlines()) <= 3
    assert not (tmp_path / "w").exists()


def test_the_last_of_repeated_overrides_counts(tmp_path):
    assert run(tmp_path / "w", "--config.train.snapshots=0", "--config.train.snapshots=0,1", "--config.cells=rnn") == 0
    record = json.loads((tmp_path / "w" / "config.json").read_text())
    assert record["config"]["train"]["snapshots"] == [0, 1]


def test_ctrl_c_ends_with_130_and_the_same_command_goes_on(tmp_path):
    # A shell's background jobs ignore Ctrl-C, and so would their children, this one among them.
    listen = "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    script = f"{listen}; runpy.run_module('experiments.gradient_flow', run_name='__main__')"
    command = [sys.executable, "-c", script, f"--workdir={tmp_path}/w", *SMALL]
    command.append("--config.train.snapshots=0,3000000")
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            deadline = time.monotonic() + 120
            while not (tmp_path / "w" / "config.json").exists() and time.monotonic() < deadline:
                time.sleep(0.1)
            time.sleep(1)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130 and "Traceback" not in err
    assert "the same command goes on" in err


def test_the_record_tells_the_command_as_one_would_type_it(tmp_path):
    arguments = ["-m", "experiments.gradient_flow", f"--workdir={tmp_path}/my run", *SMALL, "--config.seed=1"]
    arguments += ["--config.data.source=noise", "--config.cells=tests.experiments.cells:WithoutCarry"]
    subprocess.run([sys.executable, *arguments], stderr=subprocess.DEVNULL)  # it breaks off right after the record
    record = json.loads((tmp_path / "my run" / "config.json").read_text())
    assert shlex.split(record["command"]) == ["python", *arguments]
