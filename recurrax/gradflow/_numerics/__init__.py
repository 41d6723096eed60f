"""Numbers beyond the range of floats, and states as vectors."""
