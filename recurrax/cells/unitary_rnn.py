"""The unitary RNN."""

import dataclasses
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from recurrax._util import checks
from recurrax._util.float_leaves import at_least_float32
from recurrax.cell import Cell, dot
from recurrax.initializers import Initializer, Uniform, check_initializers


class UnitaryRNNParams(NamedTuple):
    """Parameters of `UnitaryRNN`; complex ones as two real ones."""

    w_x_re: Float[Array, "D H"]
    w_x_im: Float[Array, "D H"]
    phases: Float[Array, "3 H"]
    """Of D1, D2 and D3, in radians."""
    reflections_re: Float[Array, "2 H"]
    reflections_im: Float[Array, "2 H"]
    b: Float[Array, "H"]


class UnitaryRNNWeights(NamedTuple):
    """What all steps of a `UnitaryRNN` share."""

    params: UnitaryRNNParams
    w_h: Complex[Array, "H H"]
    """W, multiplied from the right."""


class UnitaryRNNCarry(NamedTuple):
    """State of `UnitaryRNN`."""

    h: Complex[Array, "*B H"]


class UnitaryRNNProjected(NamedTuple):
    """V x_t."""

    h: Complex[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class UnitaryRNN(Cell):
    """Unitary evolution RNN, uRNN (Arjovsky, Shah & Bengio 2016).

        h_t = modrelu(V x_t + W h_{t-1}; b)             W = D3 R2 F^-1 D2 P R1 F D1
        y_t = [Re h_t, Im h_t]                          modrelu(a; b) = a / |a| * max(0, |a| + b)

    A complex state that a unitary matrix of O(H) parameters turns, so that gradients keep their norm except at modrelu:
    the first network to solve copying over 500 steps. D are diagonals of phases, R reflections at a vector, F is
    Fourier's transform and P a permutation. W is formed once per run, and each step is one product with it; the
    paper's O(H log H) way of applying its factors pays for thousands of units only.

    All is drawn as in the authors' code: V and the reflections by Glorot, phases from U(-pi, pi), b from U(-0.01,
    0.01). That learns the first state as well, which is 0 here: `LearnedCarry` does so.

    Attributes:
      hidden_size: H, complex units.
      permutation_seed: fixes P.
      bias_init: how b is drawn.
    """

    hidden_size: int
    permutation_seed: int = 0
    bias_init: Initializer = Uniform(-0.01, 0.01)

    def __post_init__(self):
        checks.positive_int("hidden_size", self.hidden_size)
        checks.seed("permutation_seed", self.permutation_seed)
        check_initializers(bias_init=self.bias_init)

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        keys = jax.random.split(key, 6)
        h = self.hidden_size

        def uniform(key, shape, bound):
            return jax.random.uniform(key, shape, minval=-bound, maxval=bound)

        # Real and imaginary parts are the columns of one matrix, of which Glorot's draw counts rows and columns.
        of_input, of_reflections = (math.sqrt(6 / (rows + 2 * h)) for rows in (input_size, 2))

        return UnitaryRNNParams(
            w_x_re=uniform(keys[0], (input_size, h), of_input),
            w_x_im=uniform(keys[1], (input_size, h), of_input),
            phases=uniform(keys[2], (3, h), math.pi),
            reflections_re=uniform(keys[3], (2, h), of_reflections),
            reflections_im=uniform(keys[4], (2, h), of_reflections),
            b=self.bias_init(keys[5], (h,)),
        )

    def prepare(self, params, *, key=None, batch_shape=()):
        # There is no complex number of half precision.
        phases, re, im = map(at_least_float32, (params.phases, params.reflections_re, params.reflections_im))
        length = jnp.sqrt((jnp.square(re) + jnp.square(im)).sum(-1, keepdims=True))
        d, v = jax.lax.complex(jnp.cos(phases), jnp.sin(phases)), jax.lax.complex(re / length, im / length)
        order = np.random.default_rng(self.permutation_seed).permutation(self.hidden_size)

        def reflected(a, v):
            return a - 2 * jnp.outer(a @ v.conj(), v)

        # The rows of a are images of the unit vectors.
        a = jnp.fft.fft(jnp.diag(d[0]), norm="ortho")
        a = reflected(a, v[0])[:, order] * d[1]
        return UnitaryRNNWeights(params, reflected(jnp.fft.ifft(a, norm="ortho"), v[1]) * d[2])

    def initial_carry(self, weights, batch_shape=()):
        return UnitaryRNNCarry(jnp.zeros((*batch_shape, self.hidden_size), weights.w_h.dtype))

    def project(self, weights, x, key=None):
        re, im = x @ weights.params.w_x_re, x @ weights.params.w_x_im
        return UnitaryRNNProjected(jax.lax.complex(at_least_float32(re), at_least_float32(im)))

    def step(self, weights, carry, z, dot=dot):
        return UnitaryRNNCarry(_modrelu(z.h + dot(carry.h, weights.w_h), at_least_float32(weights.params.b)))

    def output(self, weights, carry, z):
        return jnp.concatenate([carry.h.real, carry.h.imag], axis=-1).astype(weights.params.b.dtype)

    def input_size(self, params):
        return params.w_x_re.shape[0]


def _modrelu(a: jax.Array, b: jax.Array) -> jax.Array:
    """Returns a / |a| * max(0, |a| + b), and 0 at 0, where it has no derivative."""
    square = jnp.square(a.real) + jnp.square(a.imag)
    size = jnp.sqrt(jnp.where(square > 0, square, 1))
    scale = jnp.where(square > 0, jax.nn.relu(size + b) / size, 0)
    return jax.lax.complex(scale * a.real, scale * a.imag)
