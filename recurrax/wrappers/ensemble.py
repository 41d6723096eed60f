"""Several models of one cell side by side."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from recurrax._util import checks
from recurrax.cell import dot, layer_key
from recurrax.wrappers._base import Wrapper


class EnsembleParams(NamedTuple):
    """Parameters of `Ensemble`: those of the cell inside, with an axis for M members in front."""

    members: Any


class EnsembleProjected(NamedTuple):
    """What every member needs of x_t, one after the other."""

    members: tuple[Any, ...]


class EnsembleCarry(NamedTuple):
    """State of every member, one after the other."""

    members: tuple[Any, ...]


@dataclasses.dataclass(frozen=True)
class Ensemble(Wrapper):
    """An ensemble: M models of one cell, drawn apart, on the same inputs.

        y_t = 1/M sum_m y_t^m, or all of them, [*B, M, H]

    For less variance, and for a measure of what a model does not know. Parameters are stacked, as `jax.vmap` over keys
    draws them; within a step members follow each other, so that all of their products are the executor's to defer.

    Attributes:
      cell: the cell inside.
      size: M.
      combine: "mean" or "stack".
    """

    size: int = 4
    combine: str = "mean"

    def __post_init__(self):
        super().__post_init__()
        checks.positive_int("size", self.size)
        checks.choice("combine", self.combine, ("mean", "stack"))

    @property
    def signed_gates(self):
        """None: an ensemble tells of no gates."""
        return ()

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        keys = jax.random.split(key, self.size)
        return EnsembleParams(jax.vmap(lambda key: self.cell.init(key, input_size))(keys))

    def prepare(self, params, *, key=None, batch_shape=()):
        members = [jax.tree.map(lambda a, m=m: a[m], params.members) for m in range(self.size)]
        keys = [layer_key(key, m) for m in range(self.size)]
        return tuple(self.cell.prepare(p, key=k, batch_shape=batch_shape) for p, k in zip(members, keys, strict=True))

    def initial_carry(self, weights, batch_shape=()):
        return EnsembleCarry(tuple(self.cell.initial_carry(w, batch_shape) for w in weights))

    def project(self, weights, x, key=None):
        return EnsembleProjected(tuple(self.cell.project(w, x, layer_key(key, m)) for m, w in enumerate(weights)))

    def step(self, weights, carry, z, dot=dot):
        triples = zip(weights, carry.members, z.members, strict=True)
        return EnsembleCarry(tuple(self.cell.step(w, c, z_m, dot) for w, c, z_m in triples))

    def output(self, weights, carry, z):
        triples = zip(weights, carry.members, z.members, strict=True)
        ys = [self.cell.output(w, c, z_m) for w, c, z_m in triples]
        if self.combine == "mean":
            return sum(ys[1:], ys[0]) / self.size
        return jnp.stack(ys, axis=-1 - self.input_ndim)

    def gates(self, weights, carry, z, dot=dot):
        return None

    def retention(self, gates):
        return None

    def input_size(self, params):
        return self.cell.input_size(jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape[1:], a.dtype), params.members))
