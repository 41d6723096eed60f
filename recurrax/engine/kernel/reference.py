"""The two loops in plain JAX, for any device: what a kernel is compared with, and what runs where there is none.

Numbers are rounded where a kernel rounds them: what is multiplied, to the dtype of the weights.
"""

import dataclasses

import jax
import jax.numpy as jnp

from recurrax._util.float_leaves import at_least_float32
from recurrax.engine.kernel.cut.elementwise_step import PerUnit
from recurrax.engine.kernel.implementation import Layout
from recurrax.engine.run import over_steps


@dataclasses.dataclass(frozen=True)
class Reference:
    """The loops of `jax.lax.scan`. Groups and heads are filled up as a kernel fills them up.

    Attributes:
      examples: of a group.
      units: whose multiple a head is filled up to.
    """

    examples: int = 8
    units: int = 8

    def unavailable(self):
        return None

    def layout(self, workload):
        return Layout(self.examples, -(-workload.units // self.units) * self.units)

    def refusal(self, step, workload):
        del step, workload
        return None

    def forward(self, step, problem):
        def multiply(stage, operand):
            return multiplied(problem.weights[stage], operand)

        def advance(carry, z):
            carry, _ = step.advance(problem.constants, carry, z, multiply)
            return carry, carry

        return over_steps(advance, problem.carry, wide(problem.z))[1]

    def backward(self, step, problem, before, products, cotangents):
        def multiply_back(stage, gates):
            return multiplied_back(problem.weights[stage], gates)

        def retreat(reached, inputs):
            cotangent, z, carry, gates = inputs
            adjoint = jax.tree.map(jnp.add, reached, cotangent)
            return step.retreat(problem.constants, carry, z, gates, adjoint, multiply_back), adjoint

        start = jax.tree.map(lambda a: jnp.zeros_like(a[0]), cotangents)
        steps = (cotangents, wide(problem.z), before, wide(products))
        return over_steps(retreat, start, steps, reverse=True)[1]


def wide(tree):
    """Returns the arrays in the dtype in which a kernel computes what is elementwise."""
    return jax.tree.map(at_least_float32, tree)


def multiplied(weight: jax.Array, operand: jax.Array) -> PerUnit:
    """Returns the gates W a, `[N, D, E]` each; factors in the dtype of the weight, sums in float32 at least."""
    by_set = operand.astype(weight.dtype).reshape(weight.shape[0], -1, *operand.shape[-2:])
    product = jnp.einsum("wgij,wsjb->gwsib", weight, by_set, preferred_element_type=wide(weight).dtype)
    return tuple(product.reshape(-1, *operand.shape))


def multiplied_back(weight: jax.Array, gates: PerUnit) -> jax.Array:
    """Returns the sum over gates of W^T g, `[N, D, E]`."""
    stacked = jnp.stack([g.astype(weight.dtype) for g in gates])
    by_set = stacked.reshape(len(gates), weight.shape[0], -1, *gates[0].shape[-2:])
    product = jnp.einsum("wgij,gwsib->wsjb", weight, by_set, preferred_element_type=wide(weight).dtype)
    return product.reshape(gates[0].shape)
