"""Every config that is shipped runs: two steps of it, at a small size."""

import pathlib
import re

import jax
import numpy as np
import pytest

from experiments.common import cli
from experiments.common.config import from_config
from experiments.gradient_flow import study as gradient_flow
from experiments.gradient_flow.config import GradientFlow
from experiments.remedies.config import Comparison
from experiments.reproduce import (
    batch_norm_gain,
    curse_of_memory,
    error_wall,
    gradient_bound,
    length_extrapolation,
    mean_field_spectra,
)
from experiments.train import study as train
from experiments.training.config import Training
from experiments.training.trainer import Trainer

ROOT = pathlib.Path(__file__).parents[2]
CONFIGS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "configs").rglob("*.py"))
COMPARISONS = [path for path in CONFIGS if "experiments.remedies" in (ROOT / path).read_text()]

TRAINING = ("steps=2", "log_every=1", "eval_every=1", "save_every=1", "hidden_size=4", "batch=2", "eval_batches=1",
            "seeds=1")  # fmt: skip
FLOW = ("hidden_size=4", "seeds=1", "measure.length=8", "measure.batch=2", "measure.jacobian_batch=1", "measure.lyapunov_length=20",
        "train.batch=2", "train.length=6")  # fmt: skip
STUDIES = {
    "experiments.train": (train.main, Training, TRAINING),
    "experiments.gradient_flow": (gradient_flow.main, GradientFlow, FLOW),
    **{
        f"experiments.reproduce.{study.__name__.rpartition('.')[2]}": (study.STUDY.main, study.STUDY.schema, small)
        for study, small in (
            (curse_of_memory, ("samples=9",)),
            (batch_norm_gain, ("enlarge=1", "border=0", "hidden_size=4", "batch=4", "seeds=1", "gains=0.1")),
            (error_wall, ("points=9", "updates=2")),
            (gradient_bound, ("hidden_size=4", "steps=3", "seeds=1")),
            (length_extrapolation, ("train.steps=2", "train.hidden_size=4", "train.batch=2", "train.seeds=1",
                                    "train_lengths=10", "test_lengths=12", "sequences=100")),
            (mean_field_spectra, ("hidden_size=8", "settle=3", "seeds=2")),
        )
    },
}  # fmt: skip
EXTRA = {
    "configs/zoo.py": ("cells=lru",),
    "configs/gradient_flow_full.py": ("cells=rnn", "train.snapshots=0,2"),
    "configs/train.py": ("gradient_norms.every=1",),
    "configs/reproduce/copy_500_full.py": ("gradient_norms.every=0",),
    "configs/reproduce/pmnist_full.py": ("gradient_norms.every=0", "tasks=sequential_images(permuted=True)"),
}
"""Where more has to be small, or the first cells stand for all."""


def study_of(path):
    return re.search(r"python -m (experiments\.[\w.]+)", (ROOT / path).read_text())[1]


ELSEWHERE = "configs/gradient_flow.py"
"""Runs in test_gradient_flow.py."""


LIKE_ANOTHER = (
    "copy_500_full",
    "gradient_bound",
    "gradient_flow_full",
    "hs97_adding",
    "hs97_multiplication",
    "length_extrapolation",
    "pmnist_full",
    "temporal_order_6a",
    "temporal_order_6b",
)
"""Those that differ from others in their numbers, or take long to compile."""


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=[pytest.mark.slow] * (pathlib.Path(path).stem in LIKE_ANOTHER))
     for path in CONFIGS if path not in (*COMPARISONS, ELSEWHERE)],
)  # fmt: skip
def test_the_config_runs(path, tmp_path):
    main, schema, small = STUDIES[study_of(path)]
    overrides = [f"--config.{field}" for field in (*small, *EXTRA.get(path, ()))]
    argv = ["study", f"--config={ROOT / path}", f"--workdir={tmp_path}/w", *overrides]
    assert cli.exit_status(main, argv, description="", default_config=path, schema=schema) == 0
    assert (tmp_path / "w" / "report.html").exists() and (tmp_path / "w" / "done.json").exists()


@pytest.mark.parametrize(
    "path",  # every remedy trains in tests of its own
    [pytest.param(path, marks=[pytest.mark.slow] * path.endswith(("_full.py", "_middle.py"))) for path in COMPARISONS],
)
def test_two_steps_of_a_training_of_the_comparison_run(path):
    config = cli._load(str(ROOT / path))
    # The remedies that take longest to prepare stand in tests of their own.
    config.remedies = [remedy for remedy in config.remedies if "critical" not in remedy and "adaptively" not in remedy]
    config.update({"lengths": tuple(min(length, 24) for length in config.lengths[:1]), "seeds": 2})
    if path.endswith("delayed_xor.py"):
        config.tasks = ("delayed_xor(delay=2)",)
    config.train.update({"hidden_sizes": (8,), "steps": 2, "log_every": 1, "eval_every": 1, "batch": 2})
    comparison = from_config(Comparison, config)
    trials = list(comparison.trials({kind: comparison.settings(kind.remedy)[-1] for kind in comparison.kinds}))
    assert {trial.kind.remedy for trial in trials} == set(config.remedies)
    trainer = Trainer(comparison.training(trials[-1]))
    state = trainer.advance(trainer.start(), 2)
    assert state.step.tolist() == [2] * len(state.step)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state.model))


def test_every_config_says_what_it_claims_how_to_run_it_and_how_long_that_takes():
    for path in CONFIGS:
        text = (ROOT / path).read_text()
        for word in (("Claim:", "Asks:"), ("Duration:",), ("Expect:",), ("python -m experiments.",)):
            assert any(w in text for w in word), f"{path} lacks {word[0]}"
