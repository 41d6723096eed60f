"""Cells made of cells, one file per wrapper; a wrapper is known by its file, none is listed."""
