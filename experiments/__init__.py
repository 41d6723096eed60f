"""The studies: a folder each, run as `python -m experiments.NAME --workdir=DIR`."""
