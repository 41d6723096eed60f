"""A step of any cell, cut at its products into elementwise functions."""
