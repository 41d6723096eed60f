"""Recurrent cells, one file per cell or close family; a cell is known by its file, none is listed."""
