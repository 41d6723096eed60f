"""The study that compares remedies: `python -m experiments.remedies`."""
