"""The comparison of remedies: the parts of `experiments/remedies.py`."""
