"""Slow and plain references that the measurements are held against, and the cells and runs they are tried on."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from recurrax import GRU, LSTM, RNN, gradflow
from recurrax._util.float_leaves import by_field, float_leaves, float_merger
from recurrax.engine.make_run import make_run
from recurrax.engine.run import emit, project, transition
from recurrax.initializers import Gaussian

CELLS = (RNN(5), LSTM(5), GRU(5), GRU(5, reset="after"))
IDS = ("rnn", "lstm", "gru-before", "gru-after")
STEPS, BATCH, FEATURES = 12, 3, 4


def sequences(steps=STEPS, batch=(BATCH,), seed=1):
    return jax.random.normal(jax.random.key(seed), (steps, *batch, FEATURES))


def runs():
    """Returns the arguments of runs with every combination of mask, resets and direction that matters."""
    mask = jax.random.bernoulli(jax.random.key(5), 0.7, (STEPS, BATCH))
    resets = jax.random.bernoulli(jax.random.key(6), 0.15, (STEPS, BATCH))
    return {
        "plain": {},
        "mask": {"mask": mask},
        "resets": {"resets": resets},
        "reverse": {"reverse": True},
        "all": {"mask": mask, "resets": resets, "reverse": True},
    }


def every_run(test):
    """Tries a run with mask, resets and direction with every cell, and a plain one with an LSTM, in `make test`."""
    quick = [(LSTM, "plain"), *((type(cell), "all") for cell in CELLS)]
    pairs = [
        pytest.param(cell, kind, id=f"{kind}-{name}", marks=[] if (type(cell), kind) in quick else pytest.mark.slow)
        for kind in runs()
        for cell, name in zip(CELLS, IDS, strict=True)
    ]
    return pytest.mark.parametrize(("cell", "kind"), pairs)(test)


def loss(ys, carry):
    """Touches every output, every field of the last state, and couples the batch."""
    weights = jnp.cos(jnp.arange(ys.size, dtype=ys.dtype)).reshape(ys.shape)
    return jnp.sum(weights * ys**2) + jnp.sin(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(carry)))


def probe_log_norms(cell, params, xs, loss, carry=None, mask=None, resets=None, reverse=False):
    """Adds a zero to every state and differentiates with respect to it: the definition of the total derivative."""
    run = make_run(cell, params, xs, carry, mask=mask, resets=resets)
    length = run.length
    order = range(length - 1, -1, -1) if reverse else range(length)

    def added(carry, probes, n):
        return float_merger(carry)([a + e[n] for a, e in zip(float_leaves(carry), probes, strict=True)])

    def with_probes(probes):
        carry = added(run.carry, probes, 0)
        ys = [None] * length
        for n, t in enumerate(order):
            inputs = jax.tree.map(lambda a, t=t: a[t], run.inputs)
            z = project(run, inputs)
            new = transition(run, carry, z, inputs)
            carry = added(new, probes, n + 1)
            ys[t] = emit(run, carry, z, inputs)
        return loss(jnp.stack(ys), carry)

    zeros = [jnp.zeros((length + 1, *a.shape), a.dtype) for a in float_leaves(run.carry)]
    gradient = jax.jit(jax.grad(with_probes))(zeros)
    batch = run.batch_ndim
    squares = [jnp.sum(jnp.abs(g.reshape(*g.shape[: 1 + batch], -1)) ** 2, axis=-1) for g in gradient]
    fields = by_field(run.carry, [0.5 * jnp.log(q) for q in squares])
    return 0.5 * jnp.log(sum(squares)), fields


def explicit_jacobians(cell, params, xs, example, mask=None, resets=None, reverse=False):
    """Returns the matrices ds_t/ds_{t-1} of one batch element, t = 1 to T in processing order."""
    one = slice(example, example + 1)
    mask, resets = (None if a is None else a[:, one] for a in (mask, resets))
    run = make_run(cell, params, xs[:, one], mask=mask, resets=resets)
    inputs = jax.tree.map(lambda a: jnp.flip(a, 0), run.inputs) if reverse else run.inputs
    carry, matrices = run.carry, []
    for t in range(xs.shape[0]):
        step_inputs = jax.tree.map(lambda a, t=t: a[t], inputs)
        z = project(run, step_inputs)
        vector, unravel = ravel_pytree(carry)
        step = functools.partial(transition, run, z=z, inputs=step_inputs)
        matrices.append(np.asarray(jax.jacobian(lambda v, u=unravel, s=step: ravel_pytree(s(carry=u(v)))[0])(vector)))
        carry = step(carry=carry)
    return matrices


def saturated(bias, dtype=jnp.float32):
    """Returns the path of a unit that sees itself alone, tanh(h + b), from zero on, over 20 steps."""
    weight = jnp.ones((1, 1), dtype)
    params = RNN(1).init(jax.random.key(0), 1)._replace(w_x=0 * weight, w_h=weight, b=jnp.full(1, bias, dtype))
    return gradflow.trajectory(RNN(1), params, jnp.zeros((20, 1), dtype))


def exploding(steps=500, batch=()):
    """Returns the path of a network whose states overflow after about 165 steps."""
    cell = RNN(16, activation="relu", recurrent_init=Gaussian(gain=3.0))
    params = cell.init(jax.random.key(0), FEATURES)
    return gradflow.trajectory(cell, params, sequences(steps, batch))
