"""What makes parts of the library from other parts."""
