"""The three gated units that a search over architectures found."""

import abc
import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.cell import dot
from recurrax.cells._base.gated import GatedCell


class MUTParams(NamedTuple):
    """Parameters of `MUT1`, `MUT2` and `MUT3`; X of the three gates z, r, n have a matrix for x_t, R for the state."""

    w_x: Float[Array, "D X*H"]
    w_h: Float[Array, "H R*H"]
    b: Float[Array, "3*H"] | None
    w_p: Float[Array, "D H"] | None


class MUTCarry(NamedTuple):
    """State of `MUT1`, `MUT2` and `MUT3`."""

    h: Float[Array, "*B H"]


class MUTGates(NamedTuple):
    """The gates of `MUT1`, `MUT2` and `MUT3`: what x_t gives them before the step, their activated values after."""

    z: Float[Array, "*B H"]
    r: Float[Array, "*B H"]
    n: Float[Array, "*B H"]


class _MUT(GatedCell):
    """What the three share: h_t = (1 - z) * h_{t-1} + z * n."""

    params_type = MUTParams
    carry_type = MUTCarry
    projected_type = MUTGates
    signed_gates: ClassVar[tuple[str, ...]] = ("n",)
    weighted: ClassVar[tuple[str, ...]]
    """The gates that x_t reaches through a matrix; one that is left out sees x_t itself."""
    recurrent: ClassVar[tuple[str, ...]]
    """The gates that the state reaches through a matrix."""

    @abc.abstractmethod
    def inputs(self, weighted: list[jax.Array], plain: jax.Array) -> MUTGates:
        """Returns what x_t gives each gate, from W x_t of the weighted ones and x_t itself."""

    @abc.abstractmethod
    def gates(self, weights, carry, z, dot=dot) -> MUTGates:
        """Returns the activated gates."""

    def bias_shifts(self, forget, write):
        return {"z": -forget}

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        key_x, key_h, key_b, key_p, key_f = jax.random.split(key, 5)
        h, given, recurrent = self.hidden_size, len(self.weighted), len(self.recurrent)
        widened = given < len(MUTGates._fields) and input_size != h
        return MUTParams(
            w_x=self.input_init(key_x, (input_size, given * h), gates=given),
            w_h=self.recurrent_init(key_h, (h, recurrent * h), gates=recurrent),
            b=self.draw_shifted_bias(key_b, key_f, MUTGates._fields),
            w_p=self.input_init(key_p, (input_size, h)) if widened else None,
        )

    def project(self, weights, x, key=None):
        plain = x if weights.w_p is None else x @ weights.w_p
        z = self.inputs(jnp.split(x @ weights.w_x, len(self.weighted), axis=-1), plain)
        return z if weights.b is None else MUTGates(*(a + b for a, b in zip(z, jnp.split(weights.b, 3), strict=True)))

    def step(self, weights, carry, z, dot=dot):
        gate = self.gates(weights, carry, z, dot)
        return MUTCarry((1 - gate.z) * carry.h + gate.z * gate.n)

    def retention(self, gates):
        return 1 - gates.z


@dataclasses.dataclass(frozen=True)
class MUT1(_MUT):
    """Mutated unit 1 (Jozefowicz, Zaremba & Sutskever 2015), the best of the three on most of the paper's tasks.

        z = sigmoid(W x_t + b)                          n = tanh(U (r * h_{t-1}) + tanh(x_t) + b)
        r = sigmoid(W x_t + U h_{t-1} + b)              h_t = (1 - z) * h_{t-1} + z * n

    A GRU whose update gate looks at the input alone: what is kept does not depend on what is held. The paper's inputs
    are as wide as the state. Where D is not H, P x_t stands in the place of the bare x_t.

    Attributes:
      hidden_size: H.
      forget_bias: taken from b_z when it is drawn, so that 1 - z = sigmoid(forget_bias) at zero pre-activation: a
        number, or `Chrono`.
      use_bias: whether the biases are there; without them `forget_bias` is 0.
      input_init: how W and P are drawn.
      recurrent_init, bias_init: how U and b are drawn.
    """

    weighted = ("z", "r")
    recurrent = ("r", "n")

    def inputs(self, weighted, plain):
        return MUTGates(*weighted, n=jnp.tanh(plain))

    def gates(self, weights, carry, z, dot=dot):
        u_r, u_n = jnp.split(weights.w_h, 2, axis=-1)
        r = sigmoid(z.r + dot(carry.h, u_r))
        return MUTGates(z=sigmoid(z.z), r=r, n=jnp.tanh(z.n + dot(r * carry.h, u_n)))


@dataclasses.dataclass(frozen=True)
class MUT2(_MUT):
    """Mutated unit 2 (Jozefowicz, Zaremba & Sutskever 2015): a GRU whose reset gate sees the bare input.

        z = sigmoid(W x_t + U h_{t-1} + b)              n = tanh(U (r * h_{t-1}) + W x_t + b)
        r = sigmoid(x_t + U h_{t-1} + b)                h_t = (1 - z) * h_{t-1} + z * n

    It tells what the GRU's third input matrix is worth. The paper's inputs are as wide as the state. Where D is not H,
    P x_t stands in the place of the bare x_t, and the cell is the GRU.

    Attributes:
      hidden_size: H.
      forget_bias: taken from b_z when it is drawn, so that 1 - z = sigmoid(forget_bias) at zero pre-activation: a
        number, or `Chrono`.
      use_bias: whether the biases are there; without them `forget_bias` is 0.
      input_init: how W and P are drawn.
      recurrent_init, bias_init: how U and b are drawn.
    """

    weighted = ("z", "n")
    recurrent = ("z", "r", "n")

    def inputs(self, weighted, plain):
        z, n = weighted
        return MUTGates(z, plain, n)

    def gates(self, weights, carry, z, dot=dot):
        u_zr, u_n = jnp.split(weights.w_h, [2 * self.hidden_size], axis=-1)
        u_z, u_r = jnp.split(dot(carry.h, u_zr), 2, axis=-1)
        r = sigmoid(z.r + u_r)
        return MUTGates(z=sigmoid(z.z + u_z), r=r, n=jnp.tanh(z.n + dot(r * carry.h, u_n)))


@dataclasses.dataclass(frozen=True)
class MUT3(_MUT):
    """Mutated unit 3 (Jozefowicz, Zaremba & Sutskever 2015): a GRU whose update gate sees the state squashed.

        z = sigmoid(W x_t + U tanh(h_{t-1}) + b)        n = tanh(U (r * h_{t-1}) + W x_t + b)
        r = sigmoid(W x_t + U h_{t-1} + b)              h_t = (1 - z) * h_{t-1} + z * n

    The squashing weakens what a large state has to say about its own renewal.

    Attributes:
      hidden_size: H.
      forget_bias: taken from b_z when it is drawn, so that 1 - z = sigmoid(forget_bias) at zero pre-activation: a
        number, or `Chrono`.
      use_bias: whether the biases are there; without them `forget_bias` is 0.
      input_init, recurrent_init, bias_init: how W, U and b are drawn.
    """

    weighted = ("z", "r", "n")
    recurrent = ("z", "r", "n")

    def inputs(self, weighted, plain):
        return MUTGates(*weighted)

    def gates(self, weights, carry, z, dot=dot):
        u_z, u_r, u_n = jnp.split(weights.w_h, 3, axis=-1)
        r = sigmoid(z.r + dot(carry.h, u_r))
        n = jnp.tanh(z.n + dot(r * carry.h, u_n))
        return MUTGates(z=sigmoid(z.z + dot(jnp.tanh(carry.h), u_z)), r=r, n=n)
