"""The closed-form continuous-time network."""

import dataclasses
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.activations import ACTIVATIONS, activation
from recurrax.cell import Cell, dot
from recurrax.cells._base.timed import zero_timed
from recurrax.initializers import GlorotUniformPerGate, Initializer, Zeros, check_initializers

HEADS = 4
"""g, h, f and the bias of f in time."""


class CfCDense(NamedTuple):
    """A layer after the first."""

    w: Float[Array, "N M"]
    b: Float[Array, "M"]


class CfCParams(NamedTuple):
    """Parameters of `CfC`: of the first layer, which sees x_t and h_{t-1}, and of those after it.

    The last layer holds the heads g, h, f and b side by side; U is `backbone_size`, or 4*H without a backbone.
    """

    w_x: Float[Array, "D U"]
    w_h: Float[Array, "H U"]
    b: Float[Array, "U"]
    deeper: tuple[CfCDense, ...]


class CfCCarry(NamedTuple):
    """State of `CfC`."""

    h: Float[Array, "*B H"]


class CfCProjected(NamedTuple):
    """W x_t + b of the first layer, and the time that goes by."""

    a: Float[Array, "*B U"]
    time_step: Float[Array, "*B"]


class CfCGates(NamedTuple):
    """The two states that `CfC` goes between, and how far time has taken it."""

    g: Float[Array, "*B H"]
    h: Float[Array, "*B H"]
    t: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class CfC(Cell):
    """Closed-form continuous-time network (Hasani et al. 2022): time is an argument, and no solver is needed.

        g = tanh(W a + b)                               a = backbone([x_t, h_{t-1}])
        h = tanh(W a + b)
        t = sigmoid((W a + b) time_step + (W a + b))    h_t = (1 - t) * g + t * h

    each head with weights of its own; the paper's f is the factor of `time_step`. For measurements that come at
    irregular times: inputs are `Timed`. It approximates what an `LTC` does between two inputs, at the cost of one
    evaluation.

    As in the authors' library, ncps, f has a bias in time too, and one backbone serves all heads. Weights
    are drawn as there, by Glorot; biases are 0 here, and U(-1, 1) / sqrt(N) of N inputs to a layer there. Its mode
    "pure", which has no gate, is left out.

    Attributes:
      hidden_size: H.
      gated: whether h_t is as above; otherwise g + t * h, the library's mode "no_gate".
      backbone_size: U, units of each layer of the backbone.
      backbone_layers: layers of the backbone; 0 for heads on [x_t, h_{t-1}] itself.
      backbone_activation: after each of them, "lecun_tanh", 1.7159 tanh(0.666 a), or a name in
        `recurrax.activations.ACTIVATIONS`.
      weight_init, bias_init: how W and b are drawn.
    """

    hidden_size: int
    gated: bool = True
    backbone_size: int = 128
    backbone_layers: int = 1
    backbone_activation: str = "lecun_tanh"
    weight_init: Initializer = GlorotUniformPerGate()
    bias_init: Initializer = Zeros()

    signed_gates: ClassVar[tuple[str, ...]] = ("g", "h")

    def __post_init__(self):
        checks.positive_int("hidden_size", self.hidden_size)
        checks.boolean("gated", self.gated)
        checks.positive_int("backbone_size", self.backbone_size)
        if self.backbone_layers != 0 or type(self.backbone_layers) is not int:
            checks.positive_int("backbone_layers", self.backbone_layers)
        checks.choice("backbone_activation", self.backbone_activation, ("lecun_tanh", *ACTIVATIONS))
        check_initializers(weight_init=self.weight_init, bias_init=self.bias_init)

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        key_first, *keys = jax.random.split(key, self.backbone_layers + 1)
        outputs = [(self.backbone_size, 1)] * self.backbone_layers + [(HEADS * self.hidden_size, HEADS)]
        first = self._draw(key_first, input_size + self.hidden_size, *outputs[0])
        return CfCParams(
            w_x=first.w[:input_size],
            w_h=first.w[input_size:],
            b=first.b,
            deeper=tuple(self._draw(k, self.backbone_size, *out) for k, out in zip(keys, outputs[1:], strict=True)),
        )

    def _draw(self, key, inputs, outputs, heads):
        key_w, key_b = jax.random.split(key)
        w, b = self.weight_init(key_w, (inputs, outputs), gates=heads), self.bias_init(key_b, (outputs,), gates=heads)
        return CfCDense(w, b)

    def initial_carry(self, weights, batch_shape=()):
        return CfCCarry(jnp.zeros((*batch_shape, self.hidden_size), weights.w_h.dtype))

    def project(self, weights, x, key=None):
        return CfCProjected(x.x @ weights.w_x + weights.b, x.time_step)

    def gates(self, weights, carry, z, dot=dot):
        a = z.a + dot(carry.h, weights.w_h)
        for layer in weights.deeper:
            a = dot(_backbone_activation(self.backbone_activation)(a), layer.w) + layer.b
        g, h, f, b = jnp.split(a, HEADS, axis=-1)
        return CfCGates(jnp.tanh(g), jnp.tanh(h), sigmoid(f * z.time_step[..., None] + b))

    def step(self, weights, carry, z, dot=dot):
        g, h, t = self.gates(weights, carry, z, dot)
        return CfCCarry((1 - t) * g + t * h if self.gated else g + t * h)

    def zero_input(self, input_size):
        return zero_timed(input_size)


def _backbone_activation(name: str) -> Callable[[jax.Array], jax.Array]:
    return (lambda a: 1.7159 * jnp.tanh(0.666 * a)) if name == "lecun_tanh" else activation(name)
