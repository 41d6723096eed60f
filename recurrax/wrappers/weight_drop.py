"""Dropout on weights."""

import dataclasses

import jax
import jax.numpy as jnp

from recurrax.wrappers._base import Wrapper, check_rate, two_keys


@dataclasses.dataclass(frozen=True)
class WeightDrop(Wrapper):
    """DropConnect on recurrent weights (Merity, Keskar & Socher 2018: AWD-LSTM; Wan et al. 2013).

        U -> d * U / (1 - rate)                         d ~ Bernoulli(1 - rate), per weight and run

    One mask for all steps and sequences of a run, put on before it begins: the step, and the speed, stay those of the
    cell. Without a key the weights are taken as they are.

    Attributes:
      cell: the cell inside.
      rate: of weights that become zero.
      fields: the parameters that are thinned out, by name.
    """

    rate: float = 0.5
    fields: tuple[str, ...] = ("w_h",)

    def __post_init__(self):
        super().__post_init__()
        check_rate("rate", self.rate)
        if not (isinstance(self.fields, tuple) and all(isinstance(field, str) for field in self.fields)):
            raise TypeError(f"fields must be a tuple of names, got {self.fields!r}.")

    def init(self, key, input_size):
        params = self.cell.init(key, input_size)
        for field in self.fields:
            if field not in params._fields:
                raise ValueError(
                    f"fields names {field!r}, the parameters of {self.cell!r} are {', '.join(params._fields)}."
                )
        return params

    def prepare(self, params, *, key=None, batch_shape=()):
        own, inner = two_keys(key)
        if own is not None:
            dropped = {
                field: jax.tree.map(lambda a, k=k: a * _mask(k, self.rate, a), getattr(params, field))
                for field, k in zip(self.fields, jax.random.split(own, max(len(self.fields), 1)), strict=False)
            }
            params = params._replace(**dropped)
        return self.cell.prepare(params, key=inner, batch_shape=batch_shape)


def _mask(key: jax.Array, rate: float, like: jax.Array) -> jax.Array:
    if rate == 0:  # no randomness is needed, nor asked for
        return jnp.ones_like(like)
    return (jax.random.bernoulli(key, 1 - rate, like.shape).astype(jnp.float32) / (1 - rate)).astype(like.dtype)
