"""Trains a cell on a task, with or without remedies."""
