"""The scalar LSTM of xLSTM."""

import dataclasses
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import log_sigmoid, sigmoid
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.cell import dot
from recurrax.cells._base.exponential import gates_in_units, no_memory
from recurrax.cells._base.gated import GatedCell
from recurrax.initializers import Chrono, Gaussian, Initializer, Ramp, Zeros


class SLSTMParams(NamedTuple):
    """Parameters of `SLSTM`, in the order i, f, z, o; N heads of H / N units each."""

    w_x: Float[Array, "D 4*H"]
    w_h: Float[Array, "N H/N 4*H/N"]
    b: Float[Array, "4*H"] | None


class SLSTMCarry(NamedTuple):
    """State of `SLSTM`; c and n in units of exp(m)."""

    h: Float[Array, "*B H"]
    c: Float[Array, "*B H"]
    n: Float[Array, "*B H"]
    m: Float[Array, "*B H"]


class SLSTMProjected(NamedTuple):
    """W x_t + b, by gate."""

    i: Float[Array, "*B H"]
    f: Float[Array, "*B H"]
    z: Float[Array, "*B H"]
    o: Float[Array, "*B H"]


class SLSTMGates(NamedTuple):
    """What is bounded of the activated gates."""

    f: Float[Array, "*B H"]
    z: Float[Array, "*B H"]
    o: Float[Array, "*B H"]


class ExponentialSLSTMGates(NamedTuple):
    """What is bounded of the activated gates, where the forget gate is not."""

    z: Float[Array, "*B H"]
    o: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class SLSTM(GatedCell):
    """sLSTM (Beck et al. 2024, equations 8 to 17): an LSTM with exponential gates and a normaliser.

        i = exp(a_i)    f = sigmoid(a_f) or exp(a_f)    z = tanh(a_z)    o = sigmoid(a_o)    a = W x_t + U h_{t-1} + b
        c_t = f * c_{t-1} + i * z                       n_t = f * n_{t-1} + i                h_t = o * c_t / n_t

    An exponential input gate may outweigh all that was stored, so that the cell can revise a decision: one of the two
    parts of xLSTM. c and n are kept in units of exp(m_t), m_t = max(log f + m_{t-1}, a_i), so that nothing overflows;
    values are the same. m_0 is the smallest number: nothing is stored, of which no gradient tells. U is block diagonal,
    one block per head.

    The start is that of the authors' code for the first block of a stack: U is zero, W has standard deviation
    sqrt(2 / (5 D)), and forget biases fall from 5 to -7 over the units of a head, most of them at once.

    Attributes:
      hidden_size: H, a multiple of `num_heads`.
      num_heads: N.
      forget_activation: "sigmoid" or "exp".
      forget_bias: added to the biases of f when they are drawn; a number, `Chrono`, or a `Ramp` over each head.
      use_bias, input_init, bias_init: as in `LSTM`.
      recurrent_init: how the blocks of U are drawn.
    """

    num_heads: int = 1
    forget_activation: str = "sigmoid"
    _: dataclasses.KW_ONLY
    forget_bias: float | Chrono | Ramp = Ramp(5.0, -7.0, power=0.3)
    input_init: Initializer = Gaussian(gain=0.4**0.5)
    recurrent_init: Initializer = Zeros()

    params_type = SLSTMParams
    carry_type = SLSTMCarry
    projected_type = SLSTMProjected
    signed_gates: ClassVar[tuple[str, ...]] = ("z",)
    log_units: ClassVar[tuple[str, ...]] = ("m",)

    def __post_init__(self):
        super().__post_init__()
        checks.choice("forget_activation", self.forget_activation, ("sigmoid", "exp"))
        if self.hidden_size % self.num_heads:
            raise ValueError(f"hidden_size must be a multiple of num_heads = {self.num_heads}, got {self.hidden_size}.")

    def bias_shifts(self, forget, write):
        if isinstance(self.forget_bias, Ramp):
            forget = jnp.tile(self.forget_bias.values(self.hidden_size // self.num_heads), self.num_heads)
        return {"i": write, "f": forget}

    def initial_carry(self, weights, batch_shape=()):
        zeros = super().initial_carry(weights, batch_shape)
        return zeros._replace(m=no_memory(zeros.m.shape, zeros.m.dtype))

    def draw_recurrent(self, key):
        size = self.hidden_size // self.num_heads
        keys = jax.random.split(key, self.num_heads)
        return jnp.stack([self.recurrent_init(k, (size, 4 * size), gates=4) for k in keys])

    def _pre_activations(self, weights, carry, z, dot) -> SLSTMProjected:
        u = dot(carry.h, weights.w_h, by_head)
        return SLSTMProjected(*(a + b for a, b in zip(z, _by_gate(u, self.num_heads), strict=True)))

    def _activated(self, a: SLSTMProjected) -> Any:
        if self.forget_activation == "exp":
            return ExponentialSLSTMGates(z=jnp.tanh(a.z), o=sigmoid(a.o))
        return SLSTMGates(f=sigmoid(a.f), z=jnp.tanh(a.z), o=sigmoid(a.o))

    def gates(self, weights, carry, z, dot=dot):
        return self._activated(self._pre_activations(weights, carry, z, dot))

    def step(self, weights, carry, z, dot=dot):
        kept = []

        def multiply(operand, weight, op=jnp.dot):
            kept.append(dot(operand, weight, op))
            return kept[-1]

        gates = self.gates(weights, carry, z, multiply)
        u = SLSTMProjected(*_by_gate(kept[0], self.num_heads))
        a_i, a_f = z.i + u.i, z.f + u.f
        i, f, m = gates_in_units(a_i, a_f if self.forget_activation == "exp" else log_sigmoid(a_f), carry.m)
        c, n = f * carry.c + i * gates.z, f * carry.n + i
        return SLSTMCarry(h=gates.o * c / n, c=c, n=n, m=m)

    def retention(self, gates):
        return getattr(gates, "f", None)


def by_head(h: jax.Array, blocks: jax.Array) -> jax.Array:
    """Multiplies the units of each head by its own block; `[*B, H]`, `[N, H/N, K]` -> `[*B, N * K]`."""
    heads, size, outputs = blocks.shape
    product = jnp.einsum("...ns,nsk->...nk", h.reshape(*h.shape[:-1], heads, size), blocks)
    return product.reshape(*h.shape[:-1], heads * outputs)


def _by_gate(u: jax.Array, heads: int) -> list[jax.Array]:
    """Returns the four gates `[*B, H]` of what `by_head` gave, in which every head has its own four."""
    units = u.shape[-1] // 4
    gates = jnp.moveaxis(u.reshape(*u.shape[:-1], heads, 4, units // heads), -2, 0)
    return [gate.reshape(*u.shape[:-1], units) for gate in gates]
