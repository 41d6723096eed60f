"""What the studies share: the command line, checked configs, result folders, progress and text."""
