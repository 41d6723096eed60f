"""The LSTM with one part left out or changed."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.cell import dot
from recurrax.cells._base.forget_bias import DefaultForgetBias
from recurrax.cells._base.gated import GatedCell
from recurrax.cells.lstm import LSTMCarry, LSTMGates
from recurrax.initializers import Chrono, Initializer, Uniform


class GreffLSTMParams(NamedTuple):
    """Parameters of `GreffLSTM`; the G gates that the variant has lie side by side in the order i, f, g, o."""

    w_x: Float[Array, "D G*H"]
    w_h: Float[Array, "H G*H"]
    b: Float[Array, "G*H"] | None
    p: Float[Array, "P H"]
    """Peepholes, in the order i, f, o."""
    w_g: Float[Array, "3*H 3*H"] | None
    """From the gates i, f, o of the step before to those of this one; "FGR" only."""


class GateCarry(NamedTuple):
    """State of the variant "FGR": that of an LSTM, and its gates."""

    h: Float[Array, "*B H"]
    c: Float[Array, "*B H"]
    i: Float[Array, "*B H"]
    f: Float[Array, "*B H"]
    o: Float[Array, "*B H"]


class GatesFGO(NamedTuple):
    """Gates without an input gate of its own."""

    f: Float[Array, "*B H"]
    g: Float[Array, "*B H"]
    o: Float[Array, "*B H"]


class GatesIGO(NamedTuple):
    """Gates without a forget gate."""

    i: Float[Array, "*B H"]
    g: Float[Array, "*B H"]
    o: Float[Array, "*B H"]


class GatesIFG(NamedTuple):
    """Gates without an output gate."""

    i: Float[Array, "*B H"]
    f: Float[Array, "*B H"]
    g: Float[Array, "*B H"]


class GatesIFO(NamedTuple):
    """Gates without the block input, which is not bounded here."""

    i: Float[Array, "*B H"]
    f: Float[Array, "*B H"]
    o: Float[Array, "*B H"]


_PROJECTED = {"NIG": GatesFGO, "CIFG": GatesFGO, "NFG": GatesIGO, "NOG": GatesIFG}
"""What the variant projects its input to; others to `LSTMGates`."""


@dataclasses.dataclass(frozen=True)
class GreffLSTM(GatedCell):
    """The LSTM's variants of "LSTM: a search space odyssey" (Greff et al. 2017), the vanilla one being `PeepholeLSTM`.

        i = sigmoid(W x_t + U h_{t-1} + p * c_{t-1} + b)        f likewise
        g = tanh(W x_t + U h_{t-1} + b)                         c_t = f * c_{t-1} + i * g
        o = sigmoid(W x_t + U h_{t-1} + p * c_t + b)            h_t = o * tanh(c_t)

        NIG:  i = 1         NFG:  f = 1         NOG:  o = 1         CIFG:  i = 1 - f
        NIAF: g without tanh                    NOAF: h_t = o * c_t
        FGR:  i, f and o also see R (i, f, o)_{t-1}

    To ask what a part of the LSTM is good for; "CIFG" is as good as the whole with fewer parameters in that study. Its
    eighth variant, without peepholes, is `LSTM`. `CIFG` couples by the forget gate, whose bias `forget_bias` sets.

    Attributes:
      hidden_size, use_bias, input_init, recurrent_init, bias_init: as in `LSTM`.
      variant: "NIG", "NFG", "NOG", "NIAF", "NOAF", "CIFG" or "FGR".
      forget_bias: added to b_f when it is drawn; "NFG" has none.
      peephole_init: how the vectors p are drawn.
    """

    variant: str = "CIFG"
    peephole_init: Initializer = Uniform(-0.1, 0.1)
    _: dataclasses.KW_ONLY
    forget_bias: float | Chrono = DefaultForgetBias(1.0)

    params_type = GreffLSTMParams

    def __post_init__(self):
        super().__post_init__()
        checks.choice("variant", self.variant, ("NIG", "NFG", "NOG", "NIAF", "NOAF", "CIFG", "FGR"))

    @property
    def carry_type(self):
        """What the state is."""
        return GateCarry if self.variant == "FGR" else LSTMCarry

    @property
    def projected_type(self):
        """What the input is projected to."""
        return _PROJECTED.get(self.variant, LSTMGates)

    @property
    def signed_gates(self):
        """The block input, where it is bounded."""
        return () if self.variant == "NIAF" else ("g",)

    def bias_shifts(self, forget, write):
        shifts = {"i": write, "f": forget}
        return {gate: shift for gate, shift in shifts.items() if gate in self.projected_type._fields}

    def init(self, key, input_size):
        key_gates, key_p, key_g = jax.random.split(key, 3)
        h, seeing = self.hidden_size, [gate for gate in "ifo" if gate in self.projected_type._fields]
        return GreffLSTMParams(
            *self.draw(jax.random.split(key_gates, 4), input_size),
            p=self.peephole_init(key_p, (len(seeing), h)),
            w_g=self.input_init(key_g, (3 * h, 3 * h), gates=3) if self.variant == "FGR" else None,
        )

    def gates(self, weights, carry, z, dot=dot):
        u = self.projected_type(*jnp.split(dot(carry.h, weights.w_h), len(z), axis=-1))
        a = {gate: getattr(z, gate) + getattr(u, gate) for gate in z._fields}
        if self.variant == "FGR":
            past = jnp.concatenate([carry.i, carry.f, carry.o], axis=-1)
            for gate, part in zip("ifo", jnp.split(dot(past, weights.w_g), 3, axis=-1), strict=True):
                a[gate] = a[gate] + part
        p = dict(zip((gate for gate in a if gate != "g"), weights.p, strict=True))
        open_ = {gate: sigmoid(a[gate] + p[gate] * carry.c) for gate in "if" if gate in a}
        g = a["g"] if self.variant == "NIAF" else jnp.tanh(a["g"])
        if "o" in a:
            open_["o"] = sigmoid(a["o"] + p["o"] * self._cell_state(carry.c, g, open_))
        kind = GatesIFO if self.variant == "NIAF" else self.projected_type
        return kind(**{gate: {"g": g, **open_}[gate] for gate in kind._fields})

    def _cell_state(self, c, g, gates):
        if self.variant == "NIG":
            return gates["f"] * c + g
        if self.variant == "NFG":
            return c + gates["i"] * g
        if self.variant == "CIFG":
            return gates["f"] * c + (1 - gates["f"]) * g
        return gates["f"] * c + gates["i"] * g

    def step(self, weights, carry, z, dot=dot):
        gates = self.gates(weights, carry, z, dot)._asdict()
        if self.variant == "NIAF":
            u_g = jnp.split(weights.w_h, 4, axis=-1)[LSTMGates._fields.index("g")]
            gates["g"] = z.g + dot(carry.h, u_g)
        c = self._cell_state(carry.c, gates["g"], gates)
        y = c if self.variant == "NOAF" else jnp.tanh(c)
        h = y if self.variant == "NOG" else gates["o"] * y
        if self.variant == "FGR":
            return GateCarry(h, c, gates["i"], gates["f"], gates["o"])
        return LSTMCarry(h, c)

    def retention(self, gates):
        return getattr(gates, "f", None)
