"""The study that trains a cell on a task: `python -m experiments.train`."""
