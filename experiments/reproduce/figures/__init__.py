"""The figures of the reproductions, one a file."""
