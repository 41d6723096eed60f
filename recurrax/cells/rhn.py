"""The recurrent highway network."""

import dataclasses
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.cell import Cell, dot
from recurrax.cells._base.fields import check_fields
from recurrax.initializers import Gaussian, Initializer, OrthogonalPerGate, Zeros


class RHNParams(NamedTuple):
    """Parameters of `RHN`, side by side in the order h, t or h, t, c; L = `depth`."""

    w_x: Float[Array, "D G*H"]
    w_h: Float[Array, "L H G*H"]
    b: Float[Array, "L G*H"]


class RHNCarry(NamedTuple):
    """State of `RHN`."""

    h: Float[Array, "*B H"]


class CoupledRHNGates(NamedTuple):
    """Candidate and transform gate of every layer, `[*B, L, H]`; before the step, what the input adds to the first."""

    h: Float[Array, "*B L H"]
    t: Float[Array, "*B L H"]


class RHNGates(NamedTuple):
    """Candidate, transform and carry gate of every layer; before the step, what the input adds to the first."""

    h: Float[Array, "*B L H"]
    t: Float[Array, "*B L H"]
    c: Float[Array, "*B L H"]


@dataclasses.dataclass(frozen=True)
class RHN(Cell):
    """Recurrent highway network (Zilly et al. 2017): highway layers from one step to the next.

        s_0 = h_{t-1};   for l = 1 to L, the input x_t in the first layer only:
            h = tanh(W_h x_t + R_h^l s_{l-1} + b_h^l)           t, c = sigmoid(likewise)
            s_l = h * t + s_{l-1} * c                           coupled: c = 1 - t
        h_t = s_L

    A deep transition between steps, which gates keep passable: for language models of few parameters. The authors' code
    draws all matrices from U(-0.04, 0.04), for 830 units and more; here R is orthogonal gate by gate.

    Attributes:
      hidden_size: H.
      depth: L.
      coupled: whether c = 1 - t.
      transform_bias: added to b_t when it is drawn; below 0 layers begin by carrying.
      input_init, recurrent_init, bias_init: how W, R and b are drawn.
    """

    hidden_size: int
    depth: int = 3
    coupled: bool = True
    transform_bias: float = -2.0
    input_init: Initializer = Gaussian()
    recurrent_init: Initializer = OrthogonalPerGate()
    bias_init: Initializer = Zeros()

    signed_gates: ClassVar[tuple[str, ...]] = ("h",)

    def __post_init__(self):
        check_fields(self)

    @property
    def _kind(self) -> Any:
        return CoupledRHNGates if self.coupled else RHNGates

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        key_x, key_h, key_b = jax.random.split(key, 3)
        h, gates, depth = self.hidden_size, len(self._kind._fields), self.depth
        w_h = [self.recurrent_init(k, (h, gates * h), gates=gates) for k in jax.random.split(key_h, depth)]
        b = [self.bias_init(k, (gates * h,), gates=gates) for k in jax.random.split(key_b, depth)]
        return RHNParams(
            w_x=self.input_init(key_x, (input_size, gates * h), gates=gates),
            w_h=jnp.stack(w_h),
            b=jnp.stack(b).at[:, h : 2 * h].add(self.transform_bias),
        )

    def initial_carry(self, weights, batch_shape=()):
        return RHNCarry(jnp.zeros((*batch_shape, self.hidden_size), weights.w_h.dtype))

    def project(self, weights, x, key=None):
        return self._kind(*jnp.split(x @ weights.w_x, len(self._kind._fields), axis=-1))

    def gates(self, weights, carry, z, dot=dot):
        s, found = carry.h, []
        for n in range(self.depth):
            a = dot(s, weights.w_h[n]) + weights.b[n] + (jnp.concatenate(z, axis=-1) if n == 0 else 0)
            h, *open_ = jnp.split(a, len(self._kind._fields), axis=-1)
            gates = self._kind(jnp.tanh(h), *map(sigmoid, open_))
            s = self._layer(s, gates)
            found.append(gates)
        return self._kind(*(jnp.stack(parts, axis=-2) for parts in zip(*found, strict=True)))

    def _layer(self, s: jax.Array, gates: Any) -> jax.Array:
        return gates.h * gates.t + s * (1 - gates.t if self.coupled else gates.c)

    def step(self, weights, carry, z, dot=dot):
        gates, s = self.gates(weights, carry, z, dot), carry.h
        for n in range(self.depth):
            s = self._layer(s, jax.tree.map(lambda gate, n=n: gate[..., n, :], gates))
        return RHNCarry(s)

    def retention(self, gates):
        return jnp.prod(1 - gates.t if self.coupled else gates.c, axis=-2)
