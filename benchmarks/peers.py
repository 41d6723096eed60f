"""The same layer in recurrax and in other libraries, as callables to be timed.

Every library runs its own layer with its own default initialisation in float32, D = H. `train` is the value and the
gradient of mean(ys^2) with respect to parameters and inputs, `forward` the outputs alone. The GRU resets after the
product (the form of cuDNN), which all of these libraries have, except Haiku, whose GRU resets before it. Arrays are
time-major `[T, B, D]` where the library takes them so, batch-major in Flax nnx, Equinox (vmapped) and Keras.
"""

import os
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp


class Shape(NamedTuple):
    """Sizes of a run; the input has as many features as the layer has units."""

    batch: int
    steps: int
    width: int


Runs = dict[str, Callable[[], None]]
"""`forward` and `train`; each returns when it is done."""


def _jax_runs(outputs: Callable, params, xs: jax.Array) -> Runs:
    """Compiles `outputs(params, xs)` and its gradient."""
    forward = jax.jit(outputs)
    train = jax.jit(jax.value_and_grad(lambda params, xs: jnp.mean(jnp.square(outputs(params, xs))), argnums=(0, 1)))

    def wait(f):
        return lambda: (jax.block_until_ready(f(params, xs)), None)[1]

    return {"forward": wait(forward), "train": wait(train)}


def _inputs(shape: Shape, *, batch_major: bool = False) -> jax.Array:
    xs = jax.random.normal(jax.random.key(1), (shape.steps, shape.batch, shape.width))
    return xs.swapaxes(0, 1) if batch_major else xs


def recurrax_cell(cell: str, shape: Shape):
    from recurrax import GRU, LSTM, RNN

    return {"rnn": RNN(shape.width), "lstm": LSTM(shape.width), "gru": GRU(shape.width, reset="after")}[cell]


def recurrax(cell: str, shape: Shape, executor="auto") -> Runs:
    from recurrax import unroll

    ours = recurrax_cell(cell, shape)
    params = ours.init(jax.random.key(0), shape.width)
    return _jax_runs(lambda params, xs: unroll(ours, params, xs, executor=executor)[1], params, _inputs(shape))


def linen(cell: str, shape: Shape) -> Runs:
    import flax.linen as nn

    kind = {"rnn": nn.SimpleCell, "lstm": nn.OptimizedLSTMCell, "gru": nn.GRUCell}[cell]
    layer, xs = nn.RNN(kind(shape.width), time_major=True), _inputs(shape)
    return _jax_runs(layer.apply, layer.init(jax.random.key(0), xs), xs)


def nnx(cell: str, shape: Shape) -> Runs:
    from flax import nnx

    kind = {"rnn": nnx.SimpleCell, "lstm": nnx.OptimizedLSTMCell, "gru": nnx.GRUCell}[cell]
    layer = nnx.RNN(kind(shape.width, shape.width, rngs=nnx.Rngs(0)))
    start = layer.cell.initialize_carry((shape.batch, shape.width), nnx.Rngs(0))
    graph, params, rest = nnx.split(layer, nnx.Param, ...)

    def outputs(params, xs):
        return nnx.merge(graph, params, rest)(xs, initial_carry=start)

    return _jax_runs(outputs, params, _inputs(shape, batch_major=True))


def haiku(cell: str, shape: Shape) -> Runs | None:
    import haiku as hk  # pyright: ignore[reportMissingImports]

    if cell == "rnn":
        return None  # its VanillaRNN has a ReLU, which costs less than the tanh of all others

    def run(xs):
        core = {"lstm": hk.LSTM, "gru": hk.GRU}[cell](shape.width)
        return hk.dynamic_unroll(core, xs, core.initial_state(shape.batch))[0]

    pure, xs = hk.without_apply_rng(hk.transform(run)), _inputs(shape)
    return _jax_runs(pure.apply, pure.init(jax.random.key(0), xs), xs)


def equinox(cell: str, shape: Shape) -> Runs | None:
    import equinox as eqx  # pyright: ignore[reportMissingImports]

    if cell == "rnn":
        return None  # it has no simple recurrent cell
    layer = {"lstm": eqx.nn.LSTMCell, "gru": eqx.nn.GRUCell}[cell](shape.width, shape.width, key=jax.random.key(0))
    params, static = eqx.partition(layer, eqx.is_array)
    zeros = jnp.zeros(shape.width)

    def one(params, xs):
        layer = eqx.combine(params, static)

        def step(state, x):
            state = layer(x, state)
            return state, state[0] if cell == "lstm" else state

        return jax.lax.scan(step, (zeros, zeros) if cell == "lstm" else zeros, xs)[1]

    return _jax_runs(jax.vmap(one, (None, 0)), params, _inputs(shape, batch_major=True))


def keras(cell: str, shape: Shape) -> Runs:
    os.environ["KERAS_BACKEND"] = "jax"
    import keras  # pyright: ignore[reportMissingImports]

    kind = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[cell]
    layer, xs = kind(shape.width, return_sequences=True), _inputs(shape, batch_major=True)
    layer.build(xs.shape)
    params = [variable.value for variable in layer.trainable_variables]
    rest = [variable.value for variable in layer.non_trainable_variables]
    return _jax_runs(lambda params, xs: layer.stateless_call(params, rest, xs)[0], params, xs)


def torch(cell: str, shape: Shape) -> Runs:
    import numpy as np
    import torch  # pyright: ignore[reportMissingImports]

    torch.set_num_threads(os.cpu_count() or 1)
    layer = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[cell](shape.width, shape.width)
    xs = torch.tensor(np.asarray(_inputs(shape)), requires_grad=True)

    def forward():
        with torch.no_grad():
            layer(xs)

    def train():
        layer.zero_grad()
        xs.grad = None
        layer(xs)[0].square().mean().backward()

    return {"forward": forward, "train": train}


JAX_LIBRARIES = {"linen": linen, "nnx": nnx, "haiku": haiku, "equinox": equinox, "keras": keras}
LIBRARIES = {"recurrax": recurrax, **JAX_LIBRARIES, "torch": torch}
"""By name; each takes a cell ("rnn", "lstm" or "gru") and a shape, and gives None where it has no such cell."""


def flops(cell: str, shape: Shape, mode: str) -> float:
    """Returns the operations of the matrix products: forward, and twice as many again for a gradient."""
    gates = {"rnn": 1, "lstm": 4, "gru": 3}[cell]
    forward = 2 * shape.steps * shape.batch * 2 * shape.width * gates * shape.width
    return float(forward * (3 if mode == "train" else 1))
