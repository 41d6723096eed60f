"""Compares remedies against vanishing and exploding gradients."""
