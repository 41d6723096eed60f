"""The quasi-recurrent network."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.cell import Cell, dot
from recurrax.cells._base.fields import check_fields
from recurrax.cells._base.forget_bias import memory_biases, settle_forget_bias
from recurrax.initializers import (
    Chrono,
    FanInUniform,
    Initializer,
    Zeros,
)


class QRNNForget(NamedTuple):
    """Candidate and gate of a `QRNN` with f-pooling."""

    n: Float[Array, "*B H"]
    f: Float[Array, "*B H"]


class QRNNForgetOutput(NamedTuple):
    """Candidate and gates of a `QRNN` with fo-pooling."""

    n: Float[Array, "*B H"]
    f: Float[Array, "*B H"]
    o: Float[Array, "*B H"]


class QRNNInputForgetOutput(NamedTuple):
    """Candidate and gates of a `QRNN` with ifo-pooling."""

    n: Float[Array, "*B H"]
    i: Float[Array, "*B H"]
    f: Float[Array, "*B H"]
    o: Float[Array, "*B H"]


GATES = {"f": QRNNForget, "fo": QRNNForgetOutput, "ifo": QRNNInputForgetOutput}
"""What each pooling computes from the inputs, in the order in which it lies side by side."""


class QRNNParams(NamedTuple):
    """Parameters of `QRNN`, the G of `GATES` side by side; w_past sees x_{t-1}, x_{t-2} and so on, P numbers in all."""

    w_x: Float[Array, "D G*H"]
    w_past: Float[Array, "P G*H"] | None
    b: Float[Array, "G*H"] | None


class QRNNCarry(NamedTuple):
    """State of `QRNN`; of a window above 1 also the inputs in it, and h_t, where it is not c_t."""

    c: Float[Array, "*B H"]
    h: Float[Array, "*B H"] | None
    past: Float[Array, "*B P"] | None


class QRNNProjected(NamedTuple):
    """What x_t gives candidate and gates, and x_t itself, which a window above 1 keeps."""

    gates: QRNNForget | QRNNForgetOutput | QRNNInputForgetOutput
    x: Float[Array, "*B D"] | None


@dataclasses.dataclass(frozen=True)
class QRNN(Cell):
    """Quasi-recurrent network (Bradbury et al. 2017): a convolution over time, pooled by gates it computes.

        n = tanh(W X_t + b)         i, f, o = sigmoid(W X_t + b)        X_t = [x_t, x_{t-1}, ..., x_{t-k+1}]
        "f":    h_t = c_t = f * c_{t-1} + (1 - f) * n
        "fo":   c_t = f * c_{t-1} + (1 - f) * n         h_t = o * c_t
        "ifo":  c_t = f * c_{t-1} + i * n               h_t = o * c_t

    Matrices meet inputs only, and what is recurrent is elementwise: an LSTM without U, made for speed. Inputs before
    the first are zeros, and a step that a mask takes away has no place in the window. At the start W is from
    U(-1, 1) / sqrt(k D), as in the authors' code, whose bias is so too; here b = 0.

    With a window of 1 the cell is linear in its state. A wider one makes the past inputs part of the state, and the
    gates functions of it: a layer that lays past inputs beside x_t, before a cell with window 1, keeps it linear.

    Attributes:
      hidden_size: H.
      window: k, inputs that the convolution sees; the paper's is 2 for language.
      pooling: "f", "fo" or "ifo".
      forget_bias: added to b_f (Chrono: also to b_i, of other sign) when it is drawn: a number, or `Chrono`.
      use_bias: whether b is there; without it `forget_bias` is 0.
      input_init, bias_init: how W and b are drawn.
    """

    hidden_size: int
    window: int = 2
    pooling: str = "fo"
    forget_bias: float | Chrono = 0.0
    use_bias: bool = True
    input_init: Initializer = FanInUniform()
    bias_init: Initializer = Zeros()

    signed_gates: ClassVar[tuple[str, ...]] = ("n",)

    def __post_init__(self):
        check_fields(self)
        checks.choice("pooling", self.pooling, tuple(GATES))
        settle_forget_bias(self)

    @property
    def linear(self):
        """True for a window of 1."""
        return self.window == 1

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        key_x, key_b, key_f = jax.random.split(key, 3)
        h, gates = self.hidden_size, GATES[self.pooling]._fields
        w = self.input_init(key_x, (self.window * input_size, len(gates) * h), gates=len(gates))
        return QRNNParams(
            w_x=w[:input_size],
            w_past=w[input_size:] if self.window > 1 else None,
            b=self._draw_bias(key_b, key_f, gates) if self.use_bias else None,
        )

    def _draw_bias(self, key, key_shifts, gates):
        h = self.hidden_size
        forget, write = memory_biases(self.forget_bias, key_shifts, h)
        shifts = {"f": forget, "i": write}
        shift = jnp.concatenate([shifts.get(gate, jnp.zeros(h)) for gate in gates])
        return self.bias_init(key, (len(gates) * h,), gates=len(gates)) + shift

    def initial_carry(self, weights, batch_shape=()):
        dtype = weights.w_x.dtype
        zeros = jnp.zeros((*batch_shape, self.hidden_size), dtype)
        past = None if weights.w_past is None else jnp.zeros((*batch_shape, weights.w_past.shape[0]), dtype)
        return QRNNCarry(c=zeros, h=zeros if self._carries_output else None, past=past)

    @property
    def _carries_output(self):
        """Whether the output gate saw inputs that the new carry no longer holds."""
        return self.window > 1 and "o" in self.pooling

    def project(self, weights, x, key=None):
        z = x @ weights.w_x
        z = z if weights.b is None else z + weights.b
        gates = GATES[self.pooling]
        return QRNNProjected(gates=gates(*jnp.split(z, len(gates._fields), axis=-1)), x=x if self.window > 1 else None)

    def gates(self, weights, carry, z, dot=dot):
        a = z.gates
        if weights.w_past is not None:
            past = jnp.split(dot(carry.past, weights.w_past), len(a), axis=-1)
            a = type(a)(*(now + before for now, before in zip(a, past, strict=True)))
        return type(a)(jnp.tanh(a.n), *map(sigmoid, a[1:]))

    def step(self, weights, carry, z, dot=dot):
        gate = self.gates(weights, carry, z, dot)
        i = gate.i if self.pooling == "ifo" else 1 - gate.f
        c = gate.f * carry.c + i * gate.n
        past = None
        if weights.w_past is not None:
            kept = weights.w_past.shape[0] - z.x.shape[-1]
            past = jnp.concatenate([z.x, carry.past[..., :kept]], axis=-1)
        return QRNNCarry(c=c, h=gate.o * c if self._carries_output else None, past=past)

    def output(self, weights, carry, z):
        if self._carries_output:
            return carry.h
        return sigmoid(z.gates.o) * carry.c if "o" in self.pooling else carry.c

    def retention(self, gates):
        return gates.f
