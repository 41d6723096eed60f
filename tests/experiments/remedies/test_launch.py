import pytest

from experiments.common.errors import ExperimentError
from experiments.remedies.config import Kind, Setting, Trial
from experiments.remedies.launch import folder_of, job, last_words, launch, log_of, slurm_parameters
from experiments.remedies.sweep import Job
from tests.experiments.remedies.made_up import comparison

KIND = Kind("rnn(activation='relu')", 3, "adding", 24, "clip_norm(1.0|10)")
TRIAL = Trial(KIND, Setting("clip_norm(1.0)", 0.01), 0, 3, False)


def test_every_trial_has_a_folder_of_its_own_whose_name_any_system_takes(tmp_path):
    settings = [Setting(remedy, rate) for remedy in ("clip_norm(1.0)", "clip_norm[1.0]") for rate in (0.01, 0.1)]
    folders = {folder_of(tmp_path, TRIAL._replace(setting=s, tuning=t)).name for s in settings for t in (False, True)}
    assert len(folders) == 8 and all(name.replace("-", "").replace(".", "").isalnum() for name in folders)


def test_a_training_with_more_seeds_is_in_the_same_folder(tmp_path):
    assert folder_of(tmp_path, TRIAL._replace(seeds=5)) == folder_of(tmp_path, TRIAL)


def test_a_job_is_a_training_with_every_field_given(tmp_path):
    training = comparison(cells="rnn(activation='relu')").training(TRIAL)
    command = job(training, tmp_path, TRIAL).command
    assert command[1:3] == ["-m", "experiments.train"]
    assert "--config.cells=rnn(activation='relu')" in command and "--config.tasks=adding(24)" in command
    assert "--config.learning_rate=0.01" in command and "--config.remedies=clip_norm(1.0)" in command
    assert "--config.gradient_norms.every=0" in command and f"--workdir={folder_of(tmp_path, TRIAL)}" in command


def test_jobs_are_processes_here(tmp_path):
    jobs = [Job("tests.experiments.remedies.ending", ["", str(n)], tmp_path / f"{n}.log") for n in (0, 3)]
    assert launch(jobs, tmp_path, launcher="local", parameters={}, processes=2, purpose="jobs") == [0, 3]
    assert launch([], tmp_path, launcher="local", parameters={}, processes=2, purpose="jobs") == []


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("a\nerror: no\nb\n", "error: no"),
        ("a\nb\n", "b"),
        ("Traceback:\n  x\nValueError: no\n----\nFor simplicity, JAX has removed\n", "ValueError: no"),
        ("", "nothing"),
        (None, "nothing"),
    ],
)
def test_the_last_words_of_a_training_are_its_error_or_its_last_line(tmp_path, log, words):
    path = log_of(tmp_path, TRIAL)
    path.parent.mkdir(parents=True)
    if log is not None:
        path.write_text(log)
    assert last_words(tmp_path, TRIAL) == f"{words} ({path})"


def test_parameters_of_slurm_are_read_from_a_list():
    assert slurm_parameters("timeout_min=120, slurm_partition='gpu'") == {"timeout_min": 120, "slurm_partition": "gpu"}
    assert slurm_parameters("") == {}
    with pytest.raises(ExperimentError, match="must be like timeout_min=120"):
        slurm_parameters("120")
