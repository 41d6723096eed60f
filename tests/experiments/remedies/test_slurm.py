from experiments.common.stopping import Stopping
from experiments.remedies import slurm
from experiments.remedies.sweep import Job


def test_slurm_runs_the_same_jobs(tmp_path):
    """On the executor of submitit that starts processes here."""

    def job(n, *arguments):
        return Job("tests.experiments.remedies.ending", arguments, tmp_path / "logs" / f"{n}.log")

    jobs = [job(0, "yes", "0"), job(1, "no", "3"), job(2, "", "0")]
    got = slurm.sweep(jobs, {"timeout_min": 2}, "jobs", Stopping(), folder=tmp_path / "slurm", cluster="local")
    assert got == [0, 3, 0]
    assert (tmp_path / "logs" / "0.log").read_text() == "yes\n"
