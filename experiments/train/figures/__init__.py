"""The figures of a training, one a file."""
