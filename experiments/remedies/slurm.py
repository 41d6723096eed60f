"""Runs many experiments as jobs of a Slurm cluster, by submitit; one that fails does not stop the rest."""

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.common.errors import ExperimentError
from experiments.common.progress import Meter
from experiments.common.stopping import Stopping
from experiments.remedies.sweep import Job

LOST = 1
"""Exit status of a job that the cluster ended, whose own is not known."""


def sweep(
    jobs: Sequence[Job], options: dict[str, Any], description: str, stop: Stopping, *, folder: Path, cluster: str
) -> list[int]:
    """Submits jobs, waits for all and returns their exit statuses; Ctrl-C, SIGTERM and SIGHUP cancel them.

    Args:
      jobs: what to run.
      options: parameters of `submitit.AutoExecutor`, e.g. timeout_min, slurm_partition.
      description: for the progress.
      stop: tells when to end.
      folder: for the files of submitit; every node must see it.
      cluster: "slurm", or "local" for processes of this machine.

    Raises:
      ExperimentError: submitit is not installed, there is no Slurm here, or an option is wrong.
      Terminated: SIGTERM or SIGHUP came.
    """
    # Imported, it would set logging up anew and close the handlers that are there.
    os.environ.setdefault("SUBMITIT_LOG_LEVEL", "NOCONFIG")
    try:
        import submitit
    except ImportError:
        raise ExperimentError(
            "--launcher=slurm needs submitit, which is not installed.\nIn the clone: pip install -e '.[slurm]'"
        ) from None
    try:
        executor = submitit.AutoExecutor(folder=folder, cluster=cluster)
        executor.update_parameters(name="recurrax", **options)
    except (RuntimeError, NameError, TypeError, ValueError, KeyError) as error:
        raise ExperimentError(f"--launcher={cluster} with {options}: {str(error).splitlines()[0]}") from error
    with executor.batch():
        submitted = [executor.submit(_run, job) for job in jobs]
    try:
        with Meter(description, len(jobs), "trainings") as meter:
            while not all(done := [job.done() for job in submitted]):
                stop.leave_if_asked()
                meter.update(sum(done))
                time.sleep(0.1 if cluster == "local" else 2.0)
            meter.update(len(jobs))
    except BaseException:
        for job in submitted:
            job.cancel()
        raise
    return [LOST if job.exception() is not None else job.result() for job in submitted]


def _run(job: Job) -> int:
    """Runs a job on the node that it was given to."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open("wb") as log:
        return subprocess.run(job.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL).returncode
