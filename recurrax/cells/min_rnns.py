"""The minimal GRU and LSTM, whose gates do not look at the state, so that the recurrence is linear."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid, softplus
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.cell import Cell, dot
from recurrax.initializers import (
    Chrono,
    Gaussian,
    Initializer,
    Zeros,
    check_forget_bias,
    check_initializers,
    memory_biases,
)


def positive(a: jax.Array) -> jax.Array:
    """Returns the paper's g, which is above zero: a + 1/2 for a >= 0, sigmoid(a) below."""
    return jnp.where(a >= 0, a + 0.5, sigmoid(a))


class MinCarry(NamedTuple):
    """State of `MinGRU` and `MinLSTM`."""

    h: Float[Array, "*B H"]


class MinGRUParams(NamedTuple):
    """Parameters of `MinGRU`, side by side in the order z, n."""

    w_x: Float[Array, "D 2*H"]
    b: Float[Array, "2*H"] | None


class MinGRUGates(NamedTuple):
    """The gate of `MinGRU`."""

    z: Float[Array, "*B H"]


class MinGRUProjected(NamedTuple):
    """Gate and candidate, which x_t alone decides."""

    z: Float[Array, "*B H"]
    n: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class MinGRU(Cell):
    """Minimal gated recurrent unit (Feng et al. 2024, "Were RNNs all we needed?").

        z_t = sigmoid(W_z x_t + b_z)     n_t = g(W_n x_t + b_n)     h_t = (1 - z_t) * h_{t-1} + z_t * n_t

    With `positive_candidate` g is `positive`, as in the paper's log-space form, else the identity, as in its plain one.
    The log-space form computes h as the logarithm of a sum of products, since a quotient of cumulative products
    overflows. Pairs (a, b) of maps h -> a h + b, which the executors combine, do not: every a is a product of numbers
    below one, and no quotient is taken. The values are the same.

    Attributes:
      hidden_size: H.
      positive_candidate: whether g keeps the candidate above zero.
      forget_bias: taken from b_z when it is drawn, so that 1 - z = sigmoid(forget_bias) at zero input: a number, or
        `Chrono`.
      use_bias: whether b is there; without it `forget_bias` has to be 0.
      input_init, bias_init: how W and b are drawn.
    """

    hidden_size: int
    positive_candidate: bool = True
    forget_bias: float | Chrono = 0.0
    use_bias: bool = True
    input_init: Initializer = Gaussian()
    bias_init: Initializer = Zeros()

    linear = True

    def __post_init__(self):
        _check(self)

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        key_x, key_b, key_f = jax.random.split(key, 3)
        h = self.hidden_size
        forget, _ = memory_biases(self.forget_bias, key_f, h)
        return MinGRUParams(
            w_x=self.input_init(key_x, (input_size, 2 * h), gates=2),
            b=self.bias_init(key_b, (2 * h,), gates=2).at[:h].add(-forget) if self.use_bias else None,
        )

    def initial_carry(self, weights, batch_shape=()):
        return MinCarry(jnp.zeros((*batch_shape, self.hidden_size), weights.w_x.dtype))

    def project(self, weights, x, key=None):
        z, n = jnp.split(_affine(weights, x), 2, axis=-1)
        return MinGRUProjected(sigmoid(z), positive(n) if self.positive_candidate else n)

    def gates(self, weights, carry, z, dot=dot):
        return MinGRUGates(z.z)

    def step(self, weights, carry, z, dot=dot):
        gate = self.gates(weights, carry, z, dot)
        return MinCarry((1 - gate.z) * carry.h + gate.z * z.n)

    def retention(self, gates):
        return 1 - gates.z


class MinLSTMParams(NamedTuple):
    """Parameters of `MinLSTM`, side by side in the order i, f, g."""

    w_x: Float[Array, "D 3*H"]
    b: Float[Array, "3*H"] | None


class MinLSTMGates(NamedTuple):
    """The gates of `MinLSTM`, normalised: their sum is one."""

    i: Float[Array, "*B H"]
    f: Float[Array, "*B H"]


class MinLSTMProjected(NamedTuple):
    """Normalised gates and candidate, which x_t alone decides."""

    i: Float[Array, "*B H"]
    f: Float[Array, "*B H"]
    g: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class MinLSTM(Cell):
    """Minimal long short-term memory (Feng et al. 2024, "Were RNNs all we needed?").

        i, f = sigmoid(W x_t + b)        i_t = i / (i + f)        f_t = f / (i + f)
        h_t = f_t * h_{t-1} + i_t * g(W_g x_t + b_g)

    g and what is said of logarithms as in `MinGRU`. The shares are computed as
    f / (i + f) = sigmoid(softplus(-a_i) - softplus(-a_f)) of the pre-activations a, which is right also where both
    gates vanish.

    Attributes:
      hidden_size: H.
      positive_candidate: whether g keeps the candidate above zero.
      forget_bias: added to b_f when it is drawn: a number, or `Chrono`.
      use_bias: whether b is there; without it `forget_bias` has to be 0.
      input_init, bias_init: how W and b are drawn.
    """

    hidden_size: int
    positive_candidate: bool = True
    forget_bias: float | Chrono = 0.0
    use_bias: bool = True
    input_init: Initializer = Gaussian()
    bias_init: Initializer = Zeros()

    linear = True

    def __post_init__(self):
        _check(self)

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        key_x, key_b, key_f = jax.random.split(key, 3)
        h = self.hidden_size
        forget, write = memory_biases(self.forget_bias, key_f, h)
        biases = jnp.concatenate([write, forget])
        return MinLSTMParams(
            w_x=self.input_init(key_x, (input_size, 3 * h), gates=3),
            b=self.bias_init(key_b, (3 * h,), gates=3).at[: 2 * h].add(biases) if self.use_bias else None,
        )

    def initial_carry(self, weights, batch_shape=()):
        return MinCarry(jnp.zeros((*batch_shape, self.hidden_size), weights.w_x.dtype))

    def project(self, weights, x, key=None):
        i, f, g = jnp.split(_affine(weights, x), 3, axis=-1)
        difference = softplus(-i) - softplus(-f)
        return MinLSTMProjected(
            sigmoid(-difference), sigmoid(difference), positive(g) if self.positive_candidate else g
        )

    def gates(self, weights, carry, z, dot=dot):
        return MinLSTMGates(z.i, z.f)

    def step(self, weights, carry, z, dot=dot):
        i, f = self.gates(weights, carry, z, dot)
        return MinCarry(f * carry.h + i * z.g)

    def retention(self, gates):
        return gates.f


def _affine(weights, x: jax.Array) -> jax.Array:
    z = x @ weights.w_x
    return z if weights.b is None else z + weights.b


def _check(cell: MinGRU | MinLSTM) -> None:
    checks.positive_int("hidden_size", cell.hidden_size)
    checks.boolean("positive_candidate", cell.positive_candidate)
    checks.boolean("use_bias", cell.use_bias)
    check_initializers(input_init=cell.input_init, bias_init=cell.bias_init)
    check_forget_bias(cell.forget_bias, cell.use_bias)
