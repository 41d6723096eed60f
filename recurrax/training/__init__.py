"""What a training adds around a cell: clipping, constraints and regularisers."""

# Made by `make exports`.
from typing import TYPE_CHECKING

from recurrax._util.lazy import exports

if TYPE_CHECKING:
    from recurrax.training.clipping import clip_by_global_norm, clip_by_value, global_norm
    from recurrax.training.constraints import clip_singular_values
    from recurrax.training.hessian_free import truncated_newton
    from recurrax.training.regularizers import lyapunov_penalty, norm_stabilizer, orthogonality_penalty, pascanu_omega
else:
    __getattr__, __dir__ = exports(
        __name__,
        {
            "clip_by_global_norm": "clipping",
            "clip_by_value": "clipping",
            "clip_singular_values": "constraints",
            "global_norm": "clipping",
            "lyapunov_penalty": "regularizers",
            "norm_stabilizer": "regularizers",
            "orthogonality_penalty": "regularizers",
            "pascanu_omega": "regularizers",
            "truncated_newton": "hessian_free",
        },
    )

__all__ = [
    "clip_by_global_norm",
    "clip_by_value",
    "clip_singular_values",
    "global_norm",
    "lyapunov_penalty",
    "norm_stabilizer",
    "orthogonality_penalty",
    "pascanu_omega",
    "truncated_newton",
]
