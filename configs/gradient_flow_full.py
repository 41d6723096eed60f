"""The gradient-flow study with eight seeds and 2,500 training steps: what the default one leaves open for lack of time.

Claim: as in `gradient_flow.py`; with eight seeds, smaller differences between starts can be told from chance.

    python -m experiments.gradient_flow --config=configs/gradient_flow_full.py --workdir=runs/gradient_flow_full

Duration: an estimate, from the default study: half an hour of CPU time
Expect:   not run yet; the default study's numbers at initialisation.
"""

from configs import gradient_flow


def get_config():
    """Returns the configuration; a workdir of it can grow: more cells, seeds, lengths and snapshots."""
    config = gradient_flow.get_config()
    snapshots = (0, 5, 10, 20, 50, 100, 200, 400, 1000, 2500)
    config.update({"seeds": 8, "measure": {"jacobian_batch": 4, "lyapunov_length": 1000}})
    config.update({"train": {"snapshots": snapshots, "batch": 32}})
    return config
