"""The LSTM that has a forget gate and nothing else."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax.cell import dot
from recurrax.cells._base.forget_bias import DefaultForgetBias
from recurrax.cells._base.gated import GatedCell
from recurrax.initializers import Chrono, GlorotUniformFused, Initializer


class JANETParams(NamedTuple):
    """Parameters of `JANET`, gates side by side in the order f, g."""

    w_x: Float[Array, "D 2*H"]
    w_h: Float[Array, "H 2*H"]
    b: Float[Array, "2*H"] | None


class JANETCarry(NamedTuple):
    """State of `JANET`."""

    h: Float[Array, "*B H"]


class JANETProjected(NamedTuple):
    """W x_t + b, by gate."""

    f: Float[Array, "*B H"]
    g: Float[Array, "*B H"]


class JANETGates(NamedTuple):
    """The activated gates of `JANET`."""

    f: Float[Array, "*B H"]
    i: Float[Array, "*B H"]
    g: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class JANET(GatedCell):
    """Just another network (van der Westhuizen & Lasenby 2018): an LSTM reduced to its forget gate.

        s = W x_t + U h_{t-1} + b                       g = tanh(W x_t + U h_{t-1} + b)
        f = sigmoid(s),  i = 1 - sigmoid(s - beta)      h_t = f * h_{t-1} + i * g

    With beta > 0 more is written than is forgotten: f + i > 1, and a unit may leave (-1, 1). At the start W and U are
    Glorot's draws over both gates, and b_f is 1 or by `Chrono`, as in the authors' code.

    Attributes:
      hidden_size: H.
      beta: how far the input gate lags behind the forget gate.
      forget_bias: added to b_f when it is drawn: a number, or `Chrono`.
      use_bias: whether b is there; without it `forget_bias` is 0.
      input_init, recurrent_init, bias_init: how W, U and b are drawn.
    """

    beta: float = 1.0
    _: dataclasses.KW_ONLY
    forget_bias: float | Chrono = DefaultForgetBias(1.0)
    input_init: Initializer = GlorotUniformFused()
    recurrent_init: Initializer = GlorotUniformFused()

    params_type = JANETParams
    carry_type = JANETCarry
    projected_type = JANETProjected
    signed_gates: ClassVar[tuple[str, ...]] = ("g",)

    def bias_shifts(self, forget, write):
        return {"f": forget}

    def gates(self, weights, carry, z, dot=dot):
        u_f, u_g = jnp.split(dot(carry.h, weights.w_h), 2, axis=-1)
        s = z.f + u_f
        # 1 - sigmoid(a) is sigmoid(-a), which keeps its digits where it is small.
        return JANETGates(f=sigmoid(s), i=sigmoid(self.beta - s), g=jnp.tanh(z.g + u_g))

    def step(self, weights, carry, z, dot=dot):
        f, i, g = self.gates(weights, carry, z, dot)
        return JANETCarry(f * carry.h + i * g)

    def retention(self, gates):
        return gates.f
