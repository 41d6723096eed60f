"""What several cells are built from."""
