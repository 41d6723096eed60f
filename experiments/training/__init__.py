"""Training a cell on a task with remedies: the parts of `experiments/train.py`."""
