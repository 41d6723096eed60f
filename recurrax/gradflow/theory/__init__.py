"""Closed forms to draw over measured gradient flow.

Everything here is NumPy in float64 on the host, whatever JAX's precision. Logs are natural, rates are the slope of a
log norm against the distance in time, in nats per step: negative where gradients vanish.
"""

from recurrax.gradflow.theory.bound import jacobian_log_norm_bound
from recurrax.gradflow.theory.forget_gate import ForgetGate, forget_gate, forget_gate_log_norm
from recurrax.gradflow.theory.isometry import Isometry, isometry_minimal_rnn, isometry_of_step, isometry_tanh
from recurrax.gradflow.theory.linear_networks import (
    gaussian_product_spectrum,
    linear_rnn_log_norm,
    linear_rnn_log_norms,
)
from recurrax.gradflow.theory.mean_field import (
    MeanField,
    MinimalMeanField,
    critical_weight_variance,
    mean_field_minimal_rnn,
    mean_field_tanh,
)
from recurrax.gradflow.theory.sensitivity import Sensitivity, linear_unit_sensitivity
from recurrax.gradflow.theory.spectra import gated_unit_support, joint_cell_support, support_radius

__all__ = [
    "ForgetGate",
    "Isometry",
    "MeanField",
    "MinimalMeanField",
    "Sensitivity",
    "critical_weight_variance",
    "forget_gate",
    "forget_gate_log_norm",
    "gated_unit_support",
    "gaussian_product_spectrum",
    "isometry_minimal_rnn",
    "isometry_of_step",
    "isometry_tanh",
    "jacobian_log_norm_bound",
    "joint_cell_support",
    "linear_rnn_log_norm",
    "linear_rnn_log_norms",
    "linear_unit_sensitivity",
    "mean_field_minimal_rnn",
    "mean_field_tanh",
    "support_radius",
]
