"""The studies: one script each, run as `python -m experiments.NAME --workdir=DIR`."""
