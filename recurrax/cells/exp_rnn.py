"""The RNN whose matrix is orthogonal, as the exponential of a skew-symmetric one."""

import dataclasses
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax._util.float_leaves import at_least_float32
from recurrax.activations import activation
from recurrax.cell import Cell, dot
from recurrax.cells._base.fields import check_fields
from recurrax.initializers import Gaussian, Initializer, Uniform


class ExpRNNParams(NamedTuple):
    """Parameters of `ExpRNN`; of `skew`, what lies above the diagonal counts."""

    w_x: Float[Array, "D H"]
    skew: Float[Array, "H H"]
    b: Float[Array, "H"]


class ExpRNNWeights(NamedTuple):
    """What all steps of an `ExpRNN` share."""

    w_x: Float[Array, "D H"]
    w_h: Float[Array, "H H"]
    """Orthogonal."""
    b: Float[Array, "H"]


class ExpRNNCarry(NamedTuple):
    """State of `ExpRNN`."""

    h: Float[Array, "*B H"]


class ExpRNNProjected(NamedTuple):
    """W x_t."""

    h: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class ExpRNN(Cell):
    """expRNN (Lezcano-Casado & Martinez-Rubio 2019): an RNN whose recurrent matrix is orthogonal throughout training.

        h_t = modrelu(W x_t + U h_{t-1}; b)             U = exp(A - A^T)
        modrelu(a; b) = sign(a) max(0, |a| + b)         other activations: activation(a + b)

    No gradient fades or explodes by the matrix; what is lost is lost at modrelu, where |a| < -b. The exponential is
    taken once per run, and every orthogonal matrix of determinant 1 is one: gradient descent needs no projection. At
    the start W ~ N(0, 2 / D) and b ~ U(-0.01, 0.01), as in the authors' code.

    Attributes:
      hidden_size: H.
      skew_init: how the angles of rotations in planes of two units are drawn: "cayley", or "henaff" for U(-pi, pi).
      activation: "modrelu", or a name in `recurrax.activations.ACTIVATIONS`.
      input_init, bias_init: how W and b are drawn.
    """

    hidden_size: int
    skew_init: str = "cayley"
    activation: str = "modrelu"
    input_init: Initializer = Gaussian(2**0.5)
    bias_init: Initializer = Uniform(-0.01, 0.01)

    def __post_init__(self):
        check_fields(self)
        checks.choice("skew_init", self.skew_init, ("cayley", "henaff"))
        if self.activation != "modrelu":
            activation(self.activation)

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        key_x, key_a, key_b = jax.random.split(key, 3)
        h = self.hidden_size
        if self.skew_init == "henaff":
            angles = jax.random.uniform(key_a, (h // 2,), minval=-math.pi, maxval=math.pi)
        else:
            angles = -jnp.tan(jax.random.uniform(key_a, (h // 2,), maxval=math.pi / 2) / 2)
        rows = 2 * jnp.arange(h // 2)
        return ExpRNNParams(
            w_x=self.input_init(key_x, (input_size, h)),
            skew=jnp.zeros((h, h)).at[rows, rows + 1].set(angles),
            b=self.bias_init(key_b, (h,)),
        )

    def prepare(self, params, *, key=None, batch_shape=()):
        upper = jnp.triu(at_least_float32(params.skew), 1)  # no exponential of half precision
        w_h = jax.scipy.linalg.expm(upper - upper.T).astype(params.skew.dtype)
        return ExpRNNWeights(params.w_x, w_h, params.b)

    def initial_carry(self, weights, batch_shape=()):
        return ExpRNNCarry(jnp.zeros((*batch_shape, self.hidden_size), weights.w_h.dtype))

    def project(self, weights, x, key=None):
        return ExpRNNProjected(x @ weights.w_x)

    def step(self, weights, carry, z, dot=dot):
        a = z.h + dot(carry.h, weights.w_h)
        if self.activation == "modrelu":
            return ExpRNNCarry(jnp.sign(a) * jax.nn.relu(jnp.abs(a) + weights.b))
        return ExpRNNCarry(activation(self.activation)(a + weights.b))
