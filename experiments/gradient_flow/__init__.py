"""How the gradient norm changes with the distance in time."""
