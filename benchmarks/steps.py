"""A training step of recurrax, to be timed."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from recurrax import Cell, Executor, unroll


def training_step(cell: Cell, executor: str | Executor, params, xs: jax.Array) -> Callable[[], None]:
    """Returns a callable that makes a gradient and returns when it is done."""

    def loss(params, xs):
        return jnp.mean(jnp.square(unroll(cell, params, xs, executor=executor)[1].astype(jnp.float32)))

    gradient = jax.jit(jax.value_and_grad(loss, (0, 1)))
    return lambda: (jax.block_until_ready(gradient(params, xs)), None)[1]
