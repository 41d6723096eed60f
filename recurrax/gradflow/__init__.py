"""Gradient flow: how gradients grow, fade and split on their way back through time.

Logarithms are natural. Index t is s_t, the state after t steps, s_0 the initial carry; distance k is T - t.
"""

from recurrax.gradflow import theory
from recurrax.gradflow.critical_gain import critical_gain
from recurrax.gradflow.gate_statistics import GateStatistics, gate_activations, gate_statistics
from recurrax.gradflow.gradient_alignment import GradientAlignment, gradient_alignment
from recurrax.gradflow.gradient_norms import GradientNorms, gradient_norms
from recurrax.gradflow.jacobian_products import JacobianProducts, jacobian_products
from recurrax.gradflow.lyapunov import lyapunov_spectrum
from recurrax.gradflow.parameter_norms import ParameterNorms, parameter_norms
from recurrax.gradflow.path_norms import PathNorms, path_norms
from recurrax.gradflow.timescale import Timescale, fit_timescale
from recurrax.gradflow.trajectory import Trajectory, trajectory
from recurrax.gradflow.truncation import Truncation, truncation

__all__ = [
    "GateStatistics",
    "GradientAlignment",
    "GradientNorms",
    "JacobianProducts",
    "ParameterNorms",
    "PathNorms",
    "Timescale",
    "Trajectory",
    "Truncation",
    "critical_gain",
    "fit_timescale",
    "gate_activations",
    "gate_statistics",
    "gradient_alignment",
    "gradient_norms",
    "jacobian_products",
    "lyapunov_spectrum",
    "parameter_norms",
    "path_norms",
    "theory",
    "trajectory",
    "truncation",
]
