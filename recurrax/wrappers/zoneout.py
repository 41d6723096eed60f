"""Zoneout."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from recurrax._util.float_leaves import is_float
from recurrax.cell import dot
from recurrax.wrappers._base import Wrapper, batch_shape_of, check_rate, two_keys


class ZoneoutProjected(NamedTuple):
    """What a step needs of x_t alone: the projection of the cell inside, and which units are held."""

    inner: Any
    held: Any
    """Booleans in the structure of the state; None at evaluation."""


@dataclasses.dataclass(frozen=True)
class Zoneout(Wrapper):
    """Zoneout (Krueger et al. 2017): units that, at random, hold their old state.

        with a key:     s_t = d * s_{t-1} + (1 - d) * step(s_{t-1}, x_t)        d ~ Bernoulli(rate), per unit and step
        without:        s_t = rate s_{t-1} + (1 - rate) step(s_{t-1}, x_t)      the expectation

    Dropout that passes on what it takes out: information and gradients of early steps go through units that are held.
    Fields of integers, and logarithms of units (`Cell.log_units`), are left alone.

    Attributes:
      cell: the cell inside.
      rate: of every field of the state that `rates` does not name.
      rates: pairs of a field and its rate, e.g. (("h", 0.05), ("c", 0.5)), which the paper takes for an LSTM.
    """

    rate: float = 0.1
    rates: tuple[tuple[str, float], ...] = ()

    def __post_init__(self):
        super().__post_init__()
        check_rate("rate", self.rate)
        if not isinstance(self.rates, tuple) or not all(isinstance(r, tuple) and len(r) == 2 for r in self.rates):
            raise TypeError(f"rates must be a tuple of pairs (field, rate), got {self.rates!r}.")
        for _, rate in self.rates:
            check_rate("rates", rate)

    def init(self, key, input_size):
        params = self.cell.init(key, input_size)
        state = jax.eval_shape(lambda p: self.cell.initial_carry(self.cell.prepare(p)), params)
        fields = getattr(state, "_fields", ())
        for field, _ in self.rates:
            if field not in fields:
                raise ValueError(f"rates names {field!r}, the state of {self.cell!r} has {', '.join(fields)}.")
        return params

    def project(self, weights, x, key=None):
        own, inner = two_keys(key)
        z = self.cell.project(weights, x, inner)
        if own is None:
            return ZoneoutProjected(z, None)
        shapes = jax.eval_shape(lambda w: self.cell.initial_carry(w, batch_shape_of(self, x)), weights)
        leaves, treedef = jax.tree.flatten(shapes)
        keys = jax.random.split(own, len(leaves))
        draws = zip(keys, self._rates(shapes), leaves, strict=True)
        # At a rate of 0 no randomness is needed, nor asked for.
        held = [jax.random.bernoulli(k, rate, a.shape) if rate else jnp.zeros(a.shape, bool) for k, rate, a in draws]
        return ZoneoutProjected(z, treedef.unflatten(held))

    def _rates(self, carry: Any) -> list[float]:
        """Returns the rate of every leaf of the state."""
        rates = dict(self.rates) | dict.fromkeys(self.cell.log_units, 0.0)
        paths = jax.tree_util.tree_leaves_with_path(carry)
        return [rates.get(getattr(path[0], "name", ""), self.rate) if is_float(leaf) else 0.0 for path, leaf in paths]

    def step(self, weights, carry, z, dot=dot):
        new = self.cell.step(weights, carry, z.inner, dot)
        if z.held is not None:
            return jax.tree.map(jnp.where, z.held, carry, new)
        old, treedef = jax.tree.flatten(carry)
        parts = zip(self._rates(carry), old, jax.tree.leaves(new), strict=True)
        return treedef.unflatten([b if rate == 0 else rate * a + (1 - rate) * b for rate, a, b in parts])

    def output(self, weights, carry, z):
        return self.cell.output(weights, carry, z.inner)

    def gates(self, weights, carry, z, dot=dot):
        return self.cell.gates(weights, carry, z.inner, dot)

    def retention(self, gates):
        """The expectation; None where fields of the state have rates of their own, of which gates do not tell."""
        kept = None if self.rates else self.cell.retention(gates)
        return kept if kept is None else self.rate + (1 - self.rate) * kept
