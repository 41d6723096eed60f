"""Remedies that hold recurrent weights within bounds."""

import dataclasses

import jax.numpy as jnp

from experiments.training.remedies._base import Remedy
from experiments.training.remedies._wrapped import (
    innermost,
    plain_rnn,
    require_square_blocks,
    with_recurrent_weight,
)
from recurrax.cells.exp_rnn import ExpRNN
from recurrax.training.constraints import clip_singular_values


@dataclasses.dataclass(frozen=True)
class SpectralMargin(Remedy):
    """Singular values of the recurrent weights kept near 1, gate by gate (Vorontsov et al. 2017).

    Attributes:
      margin: largest distance from 1.
    """

    margin: float = 0.1

    def cell(self, cell, task):
        require_square_blocks(self, cell, task)
        return cell

    def constrain(self, cell, params):
        weight = innermost(params).w_h
        gates = weight.shape[1] // weight.shape[0]
        clipped = clip_singular_values(weight, 1 - self.margin, 1 + self.margin, gates=gates)
        return with_recurrent_weight(params, clipped)


@dataclasses.dataclass(frozen=True)
class BoundCandidate(Remedy):
    """The recurrent weight of a GRU's candidate bounded, so that a GRU at rest cannot explode (Kanai et al. 2017).

    Attributes:
      bound: of its largest singular value, below 2.
    """

    bound: float = 1.95

    def cell(self, cell, task):
        require_square_blocks(self, cell, task, gates=3)
        return cell

    def constrain(self, cell, params):
        weight = innermost(params).w_h
        gates, candidate = jnp.split(weight, [2 * weight.shape[0]], axis=1)
        clipped = clip_singular_values(candidate, 0.0, self.bound)
        return with_recurrent_weight(params, jnp.concatenate([gates, clipped], axis=1))


@dataclasses.dataclass(frozen=True)
class ConstrainOrthogonal(Remedy):
    """A recurrent matrix that stays orthogonal (expRNN, Lezcano-Casado & Martinez-Rubio 2019); of a plain RNN."""

    def cell(self, cell, task):
        cell = plain_rnn(self, cell)
        return ExpRNN(cell.hidden_size, activation=cell.activation)
