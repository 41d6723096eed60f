"""Trains a cell on a task, with or without remedies against vanishing and exploding gradients.

Claim:    see the header of the config.
Command:  python -m experiments.train --config=configs/train.py --workdir=runs/adding
Ends with status 0 when the task is solved or all steps are done; 3 when a loss or a gradient is no longer finite, with
          the step named and the checkpoint before it kept; 143 after SIGTERM and 129 after SIGHUP, with a
          checkpoint to go on from.
          Of several seeds one that comes to that stops alone, with a warning.
"""

from experiments.common import cli
from experiments.train.study import main
from experiments.training.config import Training
from experiments.training.names import names

if __name__ == "__main__":
    cli.run(main, description=__doc__ or "", default_config="configs/train.py", schema=Training, names=names)
