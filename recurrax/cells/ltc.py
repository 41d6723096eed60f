"""The liquid time-constant network."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid, softplus
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.cell import Cell, dot
from recurrax.cells._base.fields import check_fields
from recurrax.cells._base.timed import zero_timed
from recurrax.initializers import Initializer, Uniform


class LTCParams(NamedTuple):
    """Parameters of `LTC`, of synapses from the inputs (x) and from the units (h); before softplus what is positive.

    Positive are w, leak and capacitance; `prepare` gives them as they are.
    """

    w_x: Float[Array, "D H"]
    centre_x: Float[Array, "D H"]
    slope_x: Float[Array, "D H"]
    reversal_x: Float[Array, "D H"]
    w_h: Float[Array, "H H"]
    centre_h: Float[Array, "H H"]
    slope_h: Float[Array, "H H"]
    reversal_h: Float[Array, "H H"]
    leak: Float[Array, "H"]
    rest: Float[Array, "H"]
    capacitance: Float[Array, "H"]


class LTCCarry(NamedTuple):
    """State of `LTC`: the units' potentials."""

    h: Float[Array, "*B H"]


class LTCProjected(NamedTuple):
    """What flows through the inputs' synapses, S E and S summed over inputs, and the time that goes by."""

    current: Float[Array, "*B H"]
    conductance: Float[Array, "*B H"]
    time_step: Float[Array, "*B"]


@dataclasses.dataclass(frozen=True)
class LTC(Cell):
    """Liquid time-constant network (Hasani et al. 2021): leaky neurons whose synapses change how fast they are.

        C dh/dt = leak * (rest - h) + sum_x S(x) (E - h) + sum_h S(h) (E - h),   S(a) = w sigmoid(slope (a - centre))

    solved by the paper's fused step, implicit in what is linear in h, `unfolds` times per input with d = time_step /
    unfolds and the input held:

        h <- (C h + d (leak rest + sum_x S(x) E + sum_h S(h) E)) / (C + d (leak + sum_x S(x) + sum_h S(h)))

    For measurements that come at irregular times: inputs are `Timed`. Every step takes a weighted mean of h, rest and
    the reversal potentials E, so that the state stays between them however long the step.

    The form is that of the authors' library, ncps, all units connected to all: every synapse has a sigmoid of its own,
    so that a step costs H^2 of them. Here w, leak and C are kept positive by softplus, where the library by default
    cuts them off after every update. All is drawn from the ranges there; its affine maps of inputs and outputs are left
    to what stands around the cell.

    Attributes:
      hidden_size: H.
      unfolds: solver steps per input.
      weight_init, slope_init, centre_init: how w, slope and centre are drawn.
      leak_init, rest_init, capacitance_init: how leak, rest and C are drawn. What is positive is drawn so, and then
        taken back through softplus. E is 1 at two synapses of three and -1 at the third.
    """

    hidden_size: int
    unfolds: int = 6
    weight_init: Initializer = Uniform(0.001, 1.0)
    slope_init: Initializer = Uniform(3.0, 8.0)
    centre_init: Initializer = Uniform(0.3, 0.8)
    leak_init: Initializer = Uniform(0.001, 1.0)
    rest_init: Initializer = Uniform(-0.2, 0.2)
    capacitance_init: Initializer = Uniform(0.4, 0.6)

    def __post_init__(self):
        check_fields(self)

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        keys = iter(jax.random.split(key, 11))
        h = self.hidden_size

        def synapses(size):
            return (
                _inverse_softplus(self.weight_init(next(keys), (size, h))),
                self.centre_init(next(keys), (size, h)),
                self.slope_init(next(keys), (size, h)),
                jnp.where(jax.random.uniform(next(keys), (size, h)) < 2 / 3, 1.0, -1.0),
            )

        return LTCParams(
            *synapses(input_size),
            *synapses(h),
            leak=_inverse_softplus(self.leak_init(next(keys), (h,))),
            rest=self.rest_init(next(keys), (h,)),
            capacitance=_inverse_softplus(self.capacitance_init(next(keys), (h,))),
        )

    def prepare(self, params, *, key=None, batch_shape=()):
        positive = ("w_x", "w_h", "leak", "capacitance")
        return params._replace(**{name: softplus(getattr(params, name)) for name in positive})

    def initial_carry(self, weights, batch_shape=()):
        return LTCCarry(jnp.zeros((*batch_shape, self.hidden_size), weights.w_x.dtype))

    def project(self, weights, x, key=None):
        s = weights.w_x * sigmoid(weights.slope_x * (x.x[..., None] - weights.centre_x))
        return LTCProjected((s * weights.reversal_x).sum(-2), s.sum(-2), x.time_step)

    def step(self, weights, carry, z, dot=dot):
        d = z.time_step[..., None] / self.unfolds
        h = carry.h
        for _ in range(self.unfolds):
            s = weights.w_h * sigmoid(weights.slope_h * (h[..., None] - weights.centre_h))
            current = weights.leak * weights.rest + z.current + (s * weights.reversal_h).sum(-2)
            conductance = weights.leak + z.conductance + s.sum(-2)
            h = (weights.capacitance * h + d * current) / (weights.capacitance + d * conductance)
        return LTCCarry(h)

    def zero_input(self, input_size):
        return zero_timed(input_size)


def _inverse_softplus(a: jax.Array) -> jax.Array:
    return a + jnp.log(-jnp.expm1(-a))
