"""Cells made of cells, one file per wrapper; a wrapper is known by its file, none is listed."""

# Made by `make exports`.
from typing import TYPE_CHECKING

from recurrax._util.lazy import exports

if TYPE_CHECKING:
    from recurrax.wrappers._base import Wrapper
    from recurrax.wrappers.attention import Attention
    from recurrax.wrappers.batch_norm import BatchNorm
    from recurrax.wrappers.dilated import Dilated
    from recurrax.wrappers.dropout import Dropout, VariationalDropout
    from recurrax.wrappers.ensemble import Ensemble
    from recurrax.wrappers.highway import Highway
    from recurrax.wrappers.layer_norm import LayerNorm
    from recurrax.wrappers.learned_carry import LearnedCarry
    from recurrax.wrappers.recurrent_gradient import RecurrentGradient
    from recurrax.wrappers.residual import Residual
    from recurrax.wrappers.stack import Stack
    from recurrax.wrappers.weight_drop import WeightDrop
    from recurrax.wrappers.zoneout import Zoneout
else:
    __getattr__, __dir__ = exports(
        __name__,
        {
            "Attention": "attention",
            "BatchNorm": "batch_norm",
            "Dilated": "dilated",
            "Dropout": "dropout",
            "Ensemble": "ensemble",
            "Highway": "highway",
            "LayerNorm": "layer_norm",
            "LearnedCarry": "learned_carry",
            "RecurrentGradient": "recurrent_gradient",
            "Residual": "residual",
            "Stack": "stack",
            "VariationalDropout": "dropout",
            "WeightDrop": "weight_drop",
            "Wrapper": "_base",
            "Zoneout": "zoneout",
        },
    )

__all__ = [
    "Attention",
    "BatchNorm",
    "Dilated",
    "Dropout",
    "Ensemble",
    "Highway",
    "LayerNorm",
    "LearnedCarry",
    "RecurrentGradient",
    "Residual",
    "Stack",
    "VariationalDropout",
    "WeightDrop",
    "Wrapper",
    "Zoneout",
]
