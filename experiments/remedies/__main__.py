"""Compares remedies against vanishing and exploding gradients: cells x tasks x lengths x remedies x seeds.

Claim:    see the header of the config.
Command:  python -m experiments.remedies --config=configs/remedies.py --workdir=runs/remedies
Every training is an `experiments.train` of its own, in `trainings/` of the folder; one that fails stops no other.
          The same command again runs what is missing only. With --launcher=slurm they are jobs of a Slurm cluster.
"""

from experiments.common import cli
from experiments.remedies.config import Comparison
from experiments.remedies.study import main
from experiments.training.names import names

OPTIONS = (
    cli.Option("launcher", "local", ("local", "slurm"), "where the trainings run: processes here, or jobs of Slurm"),
    cli.Option("publish", "", None, "folder that tables and figures are copied to once all trainings are done"),
    cli.Option("slurm", "", None, "parameters of submitit, e.g. --slurm=timeout_min=120,slurm_partition='gpu'"),
)

if __name__ == "__main__":
    cli.run(
        main,
        description=__doc__ or "",
        default_config="configs/remedies.py",
        schema=Comparison,
        options=OPTIONS,
        names=names,
    )
