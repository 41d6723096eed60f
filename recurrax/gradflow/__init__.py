"""Gradient flow: how gradients grow, fade and split on their way back through time.

Logarithms are natural. Index t is s_t, the state after t steps, s_0 the initial carry; distance k is T - t.
"""

from recurrax.gradflow.gradient_norms import GradientNorms, gradient_norms

__all__ = ["GradientNorms", "gradient_norms"]
