import pytest

from experiments.common import cli
from experiments.reproduce import curse_of_memory
from experiments.reproduce.curse_of_memory import Curse, measure
from recurrax.gradflow import theory


@pytest.mark.parametrize("pair", [(0.8, 0.0), (0.8, 0.9), (0.95, 0.5)])
def test_what_is_measured_is_the_closed_form(pair):
    got, exact = measure(*pair, samples=2000, seed=1), theory.linear_unit_sensitivity(*pair)
    assert abs(got.state - exact.state) < 4 * got.state_error
    assert abs(got.weight - exact.weight) < 4 * got.weight_error
    assert got.weight_error < 0.1 * exact.weight


def test_the_report_says_whether_it_was_reproduced(tmp_path, capsys):
    argv = ["curse", f"--workdir={tmp_path}/w", "--config.weights=0.5,0.8", "--config.samples=500"]
    config = "configs/reproduce/curse_of_memory.py"
    assert cli.exit_status(curse_of_memory.STUDY.main, argv, description="", default_config=config, schema=Curse) == 0
    assert "standard errors of the closed form" in (tmp_path / "w" / "report.html").read_text()
    argv.append("--config.weights=1.5")
    assert cli.exit_status(curse_of_memory.STUDY.main, argv, description="", default_config=config, schema=Curse) == 2
    assert "config.weights must be one or more numbers in [0, 1)" in capsys.readouterr().err
