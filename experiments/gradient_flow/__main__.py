"""How does the gradient norm change with the distance in time, in an RNN, an LSTM and a GRU, before and after training?

Claim:    how far the gradient reaches is a matter of how a cell starts as much as of its kind, and training changes it.
Command:  python -m experiments.gradient_flow --config=configs/gradient_flow.py --workdir=runs/gradient_flow
Duration and expected numbers: see the header of the config.
"""

import functools

from experiments.common import cli
from experiments.gradient_flow.config import GradientFlow
from experiments.gradient_flow.study import main
from experiments.training.names import names

if __name__ == "__main__":
    cli.run(
        main,
        description=__doc__ or "",
        default_config="configs/gradient_flow.py",
        schema=GradientFlow,
        names=functools.partial(names, "cells", "wrappers"),
    )
