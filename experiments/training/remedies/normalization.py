"""Remedies that normalise what a step computes."""

import dataclasses
from typing import Any

import jax

from experiments.training.remedies._base import Remedy
from experiments.training.remedies._wrapped import length_of
from recurrax import GRU, LSTM
from recurrax.cells.layer_norm_gru import LayerNormGRU
from recurrax.cells.layer_norm_lstm import LayerNormLSTM
from recurrax.wrappers.batch_norm import BatchNorm, BatchNormParams
from recurrax.wrappers.layer_norm import LayerNorm


@dataclasses.dataclass(frozen=True)
class NormalizeLayer(Remedy):
    """Layer normalisation (Ba et al. 2016): within LSTM and GRU, of their products and, in the LSTM, the cell state.

    Around other cells: of their outputs.
    """

    def cell(self, cell, task):
        normalized = {LSTM: LayerNormLSTM, GRU: LayerNormGRU}.get(type(cell))
        if normalized is None:
            return LayerNorm(cell)
        known = {field.name for field in dataclasses.fields(normalized)}
        own = {f.name: getattr(cell, f.name) for f in dataclasses.fields(cell) if f.name in known}  # pyright: ignore[reportArgumentType]
        return normalized(**own)


@dataclasses.dataclass(frozen=True)
class NormalizeBatch(Remedy):
    """Recurrent batch normalisation, with statistics of every step (Cooijmans et al. 2017).

    Attributes:
      gain: of what is normalised, at first.
    """

    gain: float = 0.1

    def cell(self, cell, task):
        return BatchNorm(cell, gain=self.gain, steps=length_of(task))

    def settle(self, cell, params, batch, key):
        return _settled(cell, params, batch.xs, key)


def _settled(cell: Any, params: Any, xs: jax.Array, key: jax.Array) -> Any:
    """Returns the parameters with the statistics of the normalisation, as they are without wrappers around it."""
    if isinstance(cell, BatchNorm):
        return cell.with_statistics(params, xs, key=key)
    if isinstance(params, BatchNormParams):  # of a wrapper without parameters
        return _settled(cell.cell, params, xs, key)
    return params._replace(inner=_settled(cell.cell, params.inner, xs, key))
