"""The figures of a comparison, one a file."""
