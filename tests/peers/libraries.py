"""The same recurrence run by other libraries; each is imported where it is used and nowhere else.

Arrays go in and out as NumPy, time-major, and states by our names: `h`, and `c` for the cell state.
"""

import functools
import importlib.metadata
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Problem(NamedTuple):
    """What a library is given."""

    weights: dict[str, np.ndarray]
    xs: np.ndarray
    """[T, B, D]"""
    start: dict[str, np.ndarray]
    """The initial state, [B, H] each."""
    cotangent: np.ndarray
    """[T, B, H]: the scalar that is differentiated is sum(cotangent * ys)."""


class Solution(NamedTuple):
    """What it makes of it."""

    ys: np.ndarray
    """[T, B, H]"""
    final: dict[str, np.ndarray]
    """The final state, [B, H] each."""
    gradient: np.ndarray
    """[T, B, D]: derivative of the scalar with respect to xs."""


class Peer(NamedTuple):
    """A cell of another library."""

    library: str
    shapes: Callable[[int, int], dict[str, tuple[int, ...]]]
    """(D, H) -> the shape of each weight."""
    run: Callable[[Problem], Solution]
    states: str = "h"


def draw(peer: Peer, seed: int, *, steps: int, batch: int, input_size: int, hidden_size: int) -> Problem:
    """Draws a problem in float32, with weights small enough that errors of rounding do not grow along a sequence."""
    rng = np.random.default_rng(seed)
    normal = lambda *shape, scale=1.0: (scale * rng.normal(size=shape)).astype(np.float32)
    scale = min(0.5, hidden_size**-0.5)
    weights = {name: normal(*shape, scale=scale) for name, shape in peer.shapes(input_size, hidden_size).items()}
    start = {name: normal(batch, hidden_size, scale=0.5) for name in peer.states}
    return Problem(weights, normal(steps, batch, input_size), start, normal(steps, batch, hidden_size))


def differentiated(run: Callable[[jax.Array], tuple[Any, dict[str, Any]]], problem: Problem) -> Solution:
    """Solves a problem with a JAX function `xs -> (ys, final)`."""

    def scalar(xs):
        ys, final = run(xs)
        return (problem.cotangent * ys).sum(), (ys, final)

    gradient, (ys, final) = jax.jit(jax.grad(scalar, has_aux=True))(jnp.asarray(problem.xs))
    return jax.tree.map(np.asarray, Solution(ys, final, gradient))


def nested(weights):
    """Turns names such as "hi/kernel" into a dict of dicts."""
    tree = {}
    for name, weight in weights.items():
        *path, leaf = name.split("/")
        functools.reduce(lambda node, key: node.setdefault(key, {}), path, tree)[leaf] = jnp.asarray(weight)
    return tree


# ---- PyTorch --------------------------------------------------------------------------------------------------------


def torch_shapes(gates):
    def shapes(d, h):
        return {
            "weight_ih_l0": (gates * h, d),
            "weight_hh_l0": (gates * h, h),
            "bias_ih_l0": (gates * h,),
            "bias_hh_l0": (gates * h,),
        }

    return shapes


def run_torch(name, problem, **kwargs):
    import torch

    layer = getattr(torch.nn, name)(problem.xs.shape[-1], problem.start["h"].shape[-1], **kwargs)
    layer.load_state_dict({key: torch.tensor(weight) for key, weight in problem.weights.items()})
    xs = torch.tensor(problem.xs, requires_grad=True)
    start = tuple(torch.tensor(state)[None] for state in problem.start.values())
    ys, final = layer(xs, start if len(start) > 1 else start[0])
    (torch.tensor(problem.cotangent) * ys).sum().backward()
    final = final if isinstance(final, tuple) else (final,)
    states = {key: state[0].detach().numpy() for key, state in zip(problem.start, final, strict=True)}
    return Solution(ys.detach().numpy(), states, xs.grad.numpy())


# ---- Flax -----------------------------------------------------------------------------------------------------------


def flax_simple_shapes(d, h):
    return {"i/kernel": (d, h), "i/bias": (h,), "h/kernel": (h, h)}


def flax_lstm_shapes(d, h):
    inputs = {f"i{gate}/kernel": (d, h) for gate in "ifgo"}
    return inputs | {f"h{g}/kernel": (h, h) for g in "ifgo"} | {f"h{g}/bias": (h,) for g in "ifgo"}


def flax_gru_shapes(d, h):
    inputs = {f"i{gate}/kernel": (d, h) for gate in "rzn"} | {f"i{gate}/bias": (h,) for gate in "rzn"}
    return inputs | {f"h{gate}/kernel": (h, h) for gate in "rzn"} | {"hn/bias": (h,)}


def run_flax(name, problem):
    """Flax has the carry of an LSTM the other way round: (c, h)."""
    import flax.linen

    cell = getattr(flax.linen, name)(problem.start["h"].shape[-1])
    layer = flax.linen.RNN(cell, time_major=True, return_carry=True)
    start = tuple(jnp.asarray(problem.start[key]) for key in sorted(problem.start))
    variables = {"params": {"cell": nested(problem.weights)}}

    def run(xs):
        final, ys = layer.apply(variables, xs, initial_carry=start if len(start) > 1 else start[0])
        final = final if isinstance(final, tuple) else (final,)
        return ys, dict(zip(sorted(problem.start), final, strict=True))

    return differentiated(run, problem)


# ---- Haiku ----------------------------------------------------------------------------------------------------------


def haiku_vanilla_shapes(d, h):
    return {
        "vanilla_rnn/linear/w": (d, h),
        "vanilla_rnn/linear/b": (h,),
        "vanilla_rnn/linear_1/w": (h, h),
        "vanilla_rnn/linear_1/b": (h,),
    }


def haiku_lstm_shapes(d, h):
    return {"lstm/linear/w": (d + h, 4 * h), "lstm/linear/b": (4 * h,)}


def haiku_gru_shapes(d, h):
    return {"gru/w_i": (d, 3 * h), "gru/w_h": (h, 3 * h), "gru/b": (3 * h,)}


def run_haiku(name, problem):
    import haiku

    weights = {}
    for key, weight in problem.weights.items():
        module, _, leaf = key.rpartition("/")
        weights.setdefault(module, {})[leaf] = jnp.asarray(weight)
    start = {key: jnp.asarray(state) for key, state in problem.start.items()}

    def run(xs):
        core = getattr(haiku, name)(start["h"].shape[-1])
        state = haiku.LSTMState(hidden=start["h"], cell=start["c"]) if "c" in start else start["h"]
        ys, final = haiku.dynamic_unroll(core, xs, state)
        return ys, {"h": final.hidden, "c": final.cell} if "c" in start else {"h": final}

    pure = haiku.without_apply_rng(haiku.transform(run))
    return differentiated(lambda xs: pure.apply(weights, xs), problem)


# ---- Keras ----------------------------------------------------------------------------------------------------------


def keras_shapes(gates, biases=()):
    def shapes(d, h):
        return {"kernel": (d, gates * h), "recurrent_kernel": (h, gates * h), "bias": (*biases, gates * h)}

    return shapes


def run_keras(name, problem, **kwargs):
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    steps, batch, input_size = problem.xs.shape
    make = getattr(keras.layers, name)
    layer = make(problem.start["h"].shape[-1], return_sequences=True, return_state=True, **kwargs)
    layer.build((batch, steps, input_size))
    layer.set_weights([problem.weights[key] for key in ("kernel", "recurrent_kernel", "bias")])
    start = [jnp.asarray(state) for state in problem.start.values()]

    def run(xs):
        ys, *final = layer(xs.swapaxes(0, 1), initial_state=start)
        return ys.swapaxes(0, 1), dict(zip(problem.start, final, strict=True))

    return differentiated(run, problem)


# ---- all of them ----------------------------------------------------------------------------------------------------


def versions() -> dict[str, str]:
    """Returns the versions of the libraries that are installed."""
    packages = ("torch", "flax", "dm-haiku", "keras", "jax", "numpy")
    return {name: importlib.metadata.version(name) for name in packages}


PEERS = {
    "torch.RNN-tanh": Peer("torch", torch_shapes(1), functools.partial(run_torch, "RNN", nonlinearity="tanh")),
    "torch.RNN-relu": Peer("torch", torch_shapes(1), functools.partial(run_torch, "RNN", nonlinearity="relu")),
    "torch.LSTM": Peer("torch", torch_shapes(4), functools.partial(run_torch, "LSTM"), "hc"),
    "torch.GRU": Peer("torch", torch_shapes(3), functools.partial(run_torch, "GRU")),
    "flax.SimpleCell": Peer("flax", flax_simple_shapes, functools.partial(run_flax, "SimpleCell")),
    "flax.LSTMCell": Peer("flax", flax_lstm_shapes, functools.partial(run_flax, "LSTMCell"), "hc"),
    "flax.OptimizedLSTMCell": Peer("flax", flax_lstm_shapes, functools.partial(run_flax, "OptimizedLSTMCell"), "hc"),
    "flax.GRUCell": Peer("flax", flax_gru_shapes, functools.partial(run_flax, "GRUCell")),
    "haiku.VanillaRNN": Peer("haiku", haiku_vanilla_shapes, functools.partial(run_haiku, "VanillaRNN")),
    "haiku.LSTM": Peer("haiku", haiku_lstm_shapes, functools.partial(run_haiku, "LSTM"), "hc"),
    "haiku.GRU": Peer("haiku", haiku_gru_shapes, functools.partial(run_haiku, "GRU")),
    "keras.SimpleRNN": Peer("keras", keras_shapes(1), functools.partial(run_keras, "SimpleRNN")),
    "keras.LSTM": Peer("keras", keras_shapes(4), functools.partial(run_keras, "LSTM"), "hc"),
    "keras.GRU-before": Peer("keras", keras_shapes(3), functools.partial(run_keras, "GRU", reset_after=False)),
    "keras.GRU-after": Peer("keras", keras_shapes(3, (2,)), functools.partial(run_keras, "GRU", reset_after=True)),
}
