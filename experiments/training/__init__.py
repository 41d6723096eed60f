"""Training a cell on a task with remedies, as all studies do it that train."""
