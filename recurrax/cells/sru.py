"""The simple recurrent unit."""

import dataclasses
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.activations import activation
from recurrax.cell import Cell, dot
from recurrax.cells._base.fields import check_fields
from recurrax.cells._base.forget_bias import memory_biases, settled_forget_bias
from recurrax.initializers import (
    Chrono,
    FanInUniform,
    Initializer,
    Uniform,
    Zeros,
)


class SRUParams(NamedTuple):
    """Parameters of `SRU`: of x_t side by side in the order n, f, r, the vectors in the order f, r."""

    w_x: Float[Array, "D 3*H"]
    v: Float[Array, "2*H"] | None
    b: Float[Array, "2*H"]
    w_p: Float[Array, "D H"] | None


class SRUCarry(NamedTuple):
    """State of `SRU`; h_t is there where it cannot be told from c_t and x_t."""

    c: Float[Array, "*B H"]
    h: Float[Array, "*B H"] | None


class SRUProjected(NamedTuple):
    """W x_t of the candidate, W x_t + b of the gates, and what the highway lets past."""

    n: Float[Array, "*B H"]
    f: Float[Array, "*B H"]
    r: Float[Array, "*B H"]
    x: Float[Array, "*B H"]


class SRUGates(NamedTuple):
    """The activated gates of `SRU`."""

    f: Float[Array, "*B H"]
    r: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class SRU(Cell):
    """Simple recurrent unit (Lei et al. 2018): gates that see no other unit's state, and a highway around the cell.

        f, r = sigmoid(W x_t + v * c_{t-1} + b)         c_t = f * c_{t-1} + (1 - f) * (W x_t)
        h_t = r * activation(c_t) + (1 - r) * alpha x_t

    All matrices meet the input alone, so that a layer costs about what a convolution does. With `peephole=False` v is
    absent and the recurrence linear, which is the paper's first version (with activation="tanh", rescale=False). With v
    every unit of c is still on its own, but r needs c_{t-1}, so that h_t is carried and depends on another field: the
    cell is not `diagonal`.

    alpha = sqrt(1 + 2 exp(highway_bias)) makes up for what the highway takes from the variance of its input. x_t is as
    wide as the state; where D is not H, P x_t stands in the highway, as in the authors' code.

    Attributes:
      hidden_size: H.
      peephole: whether the gates see c_{t-1}.
      activation: a name in `recurrax.activations.ACTIVATIONS`.
      highway_bias: added to b_r when it is drawn; below 0 more of x_t passes.
      rescale: whether alpha is as above; otherwise it is 1.
      forget_bias: added to b_f when it is drawn: a number, or `Chrono`.
      input_init: how W and P are drawn; with a peephole the gates' matrices are then multiplied by sqrt(1/2), which
        leaves the other half of their variance to v.
      peephole_init, bias_init: how v and b are drawn.
    """

    hidden_size: int
    peephole: bool = True
    activation: str = "identity"
    highway_bias: float = 0.0
    rescale: bool = True
    forget_bias: float | Chrono = 0.0
    input_init: Initializer = FanInUniform(3**0.5)
    peephole_init: Initializer = Uniform(-(1.5**0.5), 1.5**0.5)
    bias_init: Initializer = Zeros()

    def __post_init__(self):
        check_fields(self)
        activation(self.activation)
        settled_forget_bias(self.forget_bias, use_bias=True)

    @property
    def linear(self):
        """True without a peephole."""
        return not self.peephole

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        key_x, key_v, key_b, key_p, key_f = jax.random.split(key, 5)
        h = self.hidden_size
        w_x = self.input_init(key_x, (input_size, 3 * h), gates=3)
        forget, _ = memory_biases(self.forget_bias, key_f, h)
        return SRUParams(
            w_x=w_x.at[:, h:].multiply(0.5**0.5) if self.peephole else w_x,
            v=self.peephole_init(key_v, (2 * h,), gates=2) if self.peephole else None,
            b=self.bias_init(key_b, (2 * h,), gates=2).at[:h].add(forget).at[h:].add(self.highway_bias),
            w_p=self.input_init(key_p, (input_size, h)) if input_size != h else None,
        )

    def initial_carry(self, weights, batch_shape=()):
        zeros = jnp.zeros((*batch_shape, self.hidden_size), weights.w_x.dtype)
        return SRUCarry(c=zeros, h=zeros if self.peephole else None)

    def project(self, weights, x, key=None):
        n, gates = jnp.split(x @ weights.w_x, [self.hidden_size], axis=-1)
        f, r = jnp.split(gates + weights.b, 2, axis=-1)
        alpha = math.sqrt(1 + 2 * math.exp(self.highway_bias)) if self.rescale else 1
        return SRUProjected(n, f, r, x=alpha * (x if weights.w_p is None else x @ weights.w_p))

    def gates(self, weights, carry, z, dot=dot):
        if weights.v is None:
            return SRUGates(f=sigmoid(z.f), r=sigmoid(z.r))
        v_f, v_r = jnp.split(weights.v, 2)
        return SRUGates(f=sigmoid(z.f + v_f * carry.c), r=sigmoid(z.r + v_r * carry.c))

    def step(self, weights, carry, z, dot=dot):
        f, r = self.gates(weights, carry, z, dot)
        c = f * carry.c + (1 - f) * z.n
        return SRUCarry(c=c, h=self._highway(r, c, z) if self.peephole else None)

    def output(self, weights, carry, z):
        return carry.h if self.peephole else self._highway(sigmoid(z.r), carry.c, z)

    def _highway(self, r, c, z):
        return r * activation(self.activation)(c) + (1 - r) * z.x

    def retention(self, gates):
        return gates.f
