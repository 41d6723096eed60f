import numpy as np
import pytest

from experiments.common import cli
from experiments.reproduce import batch_norm_gain
from experiments.reproduce.batch_norm_gain import Gains, findings, log_norms
from recurrax.catalogue import make_task

SMALL = {"tasks": "sequential_images", "repeat": 3, "hidden_size": 24, "batch": 32, "seeds": 2, "seed": 0}


def test_a_small_gain_keeps_the_norm_and_a_great_one_does_not():
    config = Gains(gains=(0.1, 1.0), **SMALL)
    small, great = (
        np.median(log_norms(gain, make_task(config.tasks), config), 0) / np.log(10) for gain in config.gains
    )
    assert small.shape == (192,)
    assert abs(small[96] - small[-1]) < 1.5 < abs(great[0] - great[-1])


def test_what_is_found_is_said_either_way():
    assert "as in the paper" in findings({0.1: 0.2, 1.0: -9.0}, 768)[1]
    assert "explodes here (10^+9.0); in the paper's figure it vanishes" in findings({0.1: 0.2, 1.0: 9.0}, 768)[1]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [((), 0), (("--config.gains=0.0",), 2), (("--config.batch=1",), 2), (("--config.tasks=images",), 2)],
)
def test_it_runs_and_refuses_what_makes_no_sense(tmp_path, arguments, status):
    argv = ["gain", f"--workdir={tmp_path}/w", "--config.gains=0.1,0.9", "--config.repeat=1", "--config.hidden_size=4",
            "--config.batch=4", "--config.seeds=1", *arguments]  # fmt: skip
    config = "configs/reproduce/batch_norm_gain.py"
    assert cli.exit_status(batch_norm_gain.main, argv, description="", default_config=config, schema=Gains) == status
    assert (tmp_path / "w" / "report.html").exists() == (status == 0)
