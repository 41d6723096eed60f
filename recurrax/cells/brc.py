"""Bistable recurrent cells."""

import abc
import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.cell import Dot, dot
from recurrax.cells._base.gated import GatedCell
from recurrax.initializers import Gaussian, Initializer, Uniform


class BRCParams(NamedTuple):
    """Parameters of `BRC`, side by side in the order a, c, n; the candidate n has no weight of the state."""

    w_x: Float[Array, "D 3*H"]
    u: Float[Array, "2*H"]
    b: Float[Array, "3*H"] | None


class NBRCParams(NamedTuple):
    """Parameters of `NBRC`, side by side in the order a, c, n; the candidate n has no weight of the state."""

    w_x: Float[Array, "D 3*H"]
    w_h: Float[Array, "H 2*H"]
    b: Float[Array, "3*H"] | None


class BRCCarry(NamedTuple):
    """State of `BRC` and `NBRC`."""

    h: Float[Array, "*B H"]


class BRCGates(NamedTuple):
    """The gates: of a, which lies in (0, 2), what is above 1; before the step, what the input adds to them."""

    a: Float[Array, "*B H"]
    c: Float[Array, "*B H"]
    n: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class _Bistable(GatedCell):
    """What both have in common: all but how the gates see the state."""

    carry_type = BRCCarry
    projected_type = BRCGates
    signed_gates = ("a", "n")

    def bias_shifts(self, forget, write):
        return {"c": forget}

    def _gates(self, h, z, u_a, u_c):
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


@dataclasses.dataclass(frozen=True)
class BRC(_Bistable):
    """Bistable recurrent cell (Vecoven, Ernst & Drion 2021, equation 6).

        a = 1 + tanh(W_a x_t + u_a * h_{t-1} + b_a)     h_t = c * h_{t-1} + (1 - c) * n
        c = sigmoid(W_c x_t + u_c * h_{t-1} + b_c)      n = tanh(W x_t + a * h_{t-1} + b)

    Where a > 1 a unit has two stable states, and holds either for ever: a memory that does not leak, made of single
    units, as neurons have it. The paper has no biases, `use_bias=False`.

    Attributes:
      hidden_size: H.
      forget_bias: added to b_c when it is drawn.
      use_bias: whether biases are there; without them `forget_bias` has to be 0.
      input_init, recurrent_init, bias_init: how W, u and b are drawn.
    """

    _: dataclasses.KW_ONLY
    recurrent_init: Initializer = Uniform(-1.0, 1.0)

    diagonal = True

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        key_x, key_u, key_b, key_f = jax.random.split(key, 4)
        h = self.hidden_size
        return BRCParams(
            w_x=self.input_init(key_x, (input_size, 3 * h), gates=3),
            u=self.recurrent_init(key_u, (2 * h,), gates=2),
            b=self.draw_bias(key_b, key_f, BRCGates._fields) if self.use_bias else None,
        )

    def gates(self, weights, carry, z, dot=dot):
        u_a, u_c = jnp.split(weights.u, 2)
        return self._gates(carry.h, z, u_a * carry.h, u_c * carry.h)


@dataclasses.dataclass(frozen=True)
class NBRC(_Bistable):
    """Recurrently neuromodulated bistable cell, nBRC (Vecoven, Ernst & Drion 2021, equation 7).

        a = 1 + tanh(W_a x_t + U_a h_{t-1} + b_a)       h_t = c * h_{t-1} + (1 - c) * n
        c = sigmoid(W_c x_t + U_c h_{t-1} + b_c)        n = tanh(W x_t + a * h_{t-1} + b)

    `BRC` whose gates see all units: these may make each other bistable.

    Attributes:
      hidden_size: H.
      forget_bias: added to b_c when it is drawn.
      use_bias: whether biases are there; without them `forget_bias` has to be 0.
      input_init, recurrent_init, bias_init: how W, U and b are drawn.
    """

    _: dataclasses.KW_ONLY
    recurrent_init: Initializer = Gaussian()

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        key_x, key_h, key_b, key_f = jax.random.split(key, 4)
        h = self.hidden_size
        return NBRCParams(
            w_x=self.input_init(key_x, (input_size, 3 * h), gates=3),
            w_h=self.recurrent_init(key_h, (h, 2 * h), gates=2),
            b=self.draw_bias(key_b, key_f, BRCGates._fields) if self.use_bias else None,
        )

    def gates(self, weights, carry, z, dot=dot):
        return self._gates(carry.h, z, *jnp.split(dot(carry.h, weights.w_h), 2, axis=-1))
