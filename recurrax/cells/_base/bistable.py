"""What bistable cells share."""

import abc
import dataclasses
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax.cell import Dot, dot
from recurrax.cells._base.gated import GatedCell


class BRCCarry(NamedTuple):
    """State of `BRC` and `NBRC`."""

    h: Float[Array, "*B H"]


class BRCGates(NamedTuple):
    """The gates: of a, which lies in (0, 2), what is above 1; before the step, what the input adds to them."""

    a: Float[Array, "*B H"]
    c: Float[Array, "*B H"]
    n: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class BistableCell(GatedCell):
    """Base of `BRC` and `NBRC`, which differ in what of the state their gates see."""

    carry_type = BRCCarry
    projected_type = BRCGates
    signed_gates: ClassVar[tuple[str, ...]] = ("a", "n")

    def bias_shifts(self, forget, write):
        return {"c": forget}

    def gates_from(self, h: jax.Array, z: BRCGates, u_a: jax.Array, u_c: jax.Array) -> BRCGates:
        """Returns the gates, given what the state adds to a and to c."""
        a = jnp.tanh(z.a + u_a)
        return BRCGates(a=a, c=sigmoid(z.c + u_c), n=jnp.tanh(z.n + (1 + a) * h))

    @abc.abstractmethod
    def gates(self, weights: Any, carry: BRCCarry, z: BRCGates, dot: Dot = dot) -> BRCGates:
        """Returns the gates, which see one unit, or all."""

    def step(self, weights, carry, z, dot=dot):
        gate = self.gates(weights, carry, z, dot)
        return BRCCarry(gate.c * carry.h + (1 - gate.c) * gate.n)

    def retention(self, gates):
        return gates.c
