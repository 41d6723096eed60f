"""A user's own cells through `fused`: beside `scan`, and beside a backward pass written by hand.

    python -m benchmarks.own_cells

A layer-norm LSTM, the GRU that resets before its product, and a transition of two layers; nothing in recurrax knows
the first and the last. Training (value and gradient of mean(ys^2) with respect to parameters and inputs), float32.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from absl import app, flags

from benchmarks.timing import geometric_mean, interleaved, machine, ratio
from recurrax import GRU, LSTM, Cell, dot, unroll
from recurrax.cells.lstm import LSTMCarry

_SIZES = flags.DEFINE_list("sizes", "16x50x32,32x100x64,64x128x128,1x1000x128,128x256x256", "sizes BxTxH")
_ROUNDS = flags.DEFINE_integer("rounds", 15, "rounds", lower_bound=3)


def _normalised(a: jax.Array) -> jax.Array:
    a = a - a.mean(-1, keepdims=True)
    return a * jax.lax.rsqrt(jnp.square(a).mean(-1, keepdims=True) + 1e-5)


@dataclasses.dataclass(frozen=True)
class LayerNormLSTM(LSTM):
    """An LSTM whose recurrent product and cell state are normalised."""

    def step(self, weights, carry, z, dot=dot):
        u = type(z)(*jnp.split(_normalised(dot(carry.h, weights.w_h)), 4, axis=-1))
        i, f, o = (jax.nn.sigmoid(a + b) for a, b in ((z.i, u.i), (z.f, u.f), (z.o, u.o)))
        c = f * carry.c + i * jnp.tanh(z.g + u.g)
        return LSTMCarry(o * jnp.tanh(_normalised(c)), c)


class DeepParams(NamedTuple):
    """Parameters of `DeepTransition`."""

    w_x: jax.Array
    w_1: jax.Array
    w_2: jax.Array


class DeepCarry(NamedTuple):
    """State of `DeepTransition`."""

    h: jax.Array


@dataclasses.dataclass(frozen=True)
class DeepTransition(Cell):
    """h' = tanh(tanh(W x + U h) V)."""

    hidden_size: int

    def init(self, key, input_size):
        keys, h = jax.random.split(key, 3), self.hidden_size
        shapes = ((input_size, h), (h, h), (h, h))
        return DeepParams(*(jax.random.normal(k, s) / s[0] ** 0.5 for k, s in zip(keys, shapes, strict=True)))

    def initial_carry(self, weights, batch_shape=()):
        return DeepCarry(jnp.zeros((*batch_shape, self.hidden_size), weights.w_x.dtype))

    def project(self, weights, x, key=None):
        return DeepCarry(x @ weights.w_x)

    def step(self, weights, carry, z, dot=dot):
        return DeepCarry(jnp.tanh(dot(jnp.tanh(z.h + dot(carry.h, weights.w_1)), weights.w_2)))


def _summed(operands: jax.Array, cotangents: jax.Array) -> jax.Array:
    """The gradient of a weight, all steps in one product."""
    return jnp.einsum("tbi,tbj->ij", operands, cotangents)


def _normalised_back(dy: jax.Array, y: jax.Array, scale: jax.Array) -> jax.Array:
    return scale * (dy - dy.mean(-1, keepdims=True) - y * (dy * y).mean(-1, keepdims=True))


def _normalised_with_scale(a: jax.Array) -> tuple[jax.Array, jax.Array]:
    a = a - a.mean(-1, keepdims=True)
    scale = jax.lax.rsqrt(jnp.square(a).mean(-1, keepdims=True) + 1e-5)
    return a * scale, scale


@jax.custom_vjp
def _layer_norm_lstm(w, z):
    return _layer_norm_lstm_forward(w, z)[0]


def _layer_norm_lstm_forward(w, z):
    zeros = jnp.zeros(z.i.shape[1:])

    def step(carry, z):
        h, c = carry
        u, su = _normalised_with_scale(h @ w)
        ui, uf, ug, uo = jnp.split(u, 4, axis=-1)
        i, f, o = jax.nn.sigmoid(z.i + ui), jax.nn.sigmoid(z.f + uf), jax.nn.sigmoid(z.o + uo)
        g = jnp.tanh(z.g + ug)
        new = f * c + i * g
        n, sn = _normalised_with_scale(new)
        t = jnp.tanh(n)
        return (o * t, new), (o * t, h, c, i, f, g, o, u, su, n, sn, t)

    _, (ys, *kept) = jax.lax.scan(step, (zeros, zeros), z)
    return ys, (w, z, kept)


def _layer_norm_lstm_backward(saved, dys):
    w, z, (hs, *kept) = saved

    def step(carry, inputs):
        dh, dc = carry
        dy, c, i, f, g, o, u, su, n, sn, t = inputs
        dh = dh + dy
        dc = dc + _normalised_back(dh * o * (1 - t * t), n, sn)
        di, df = dc * g * i * (1 - i), dc * c * f * (1 - f)
        dg, do = dc * i * (1 - g * g), dh * t * o * (1 - o)
        du = _normalised_back(jnp.concatenate([di, df, dg, do], axis=-1), u, su)
        return (du @ w.T, dc * f), (du, di, df, dg, do)

    zeros = jnp.zeros(dys.shape[1:])
    _, (du, *dz) = jax.lax.scan(step, (zeros, zeros), (dys, *kept), reverse=True)
    return _summed(hs, du), type(z)(*dz)


_layer_norm_lstm.defvjp(_layer_norm_lstm_forward, _layer_norm_lstm_backward)


@jax.custom_vjp
def _gru_before(w_rz, w_n, z):
    return _gru_before_forward(w_rz, w_n, z)[0]


def _gru_before_forward(w_rz, w_n, z):
    def step(h, z):
        ur, uz = jnp.split(h @ w_rz, 2, axis=-1)
        r, u = jax.nn.sigmoid(z.r + ur), jax.nn.sigmoid(z.z + uz)
        n = jnp.tanh(z.n + (r * h) @ w_n)
        new = (1 - u) * h + u * n
        return new, (new, h, r, u, n)

    _, (ys, *kept) = jax.lax.scan(step, jnp.zeros(z.r.shape[1:]), z)
    return ys, (w_rz, w_n, z, kept)


def _gru_before_backward(saved, dys):
    w_rz, w_n, z, (hs, rs, us, ns) = saved

    def step(dh, inputs):
        dy, h, r, u, n = inputs
        dh = dh + dy
        dn = dh * u * (1 - n * n)
        du = dh * (n - h) * u * (1 - u)
        drh = dn @ w_n.T
        dr = drh * h * r * (1 - r)
        return dh * (1 - u) + drh * r + jnp.concatenate([dr, du], axis=-1) @ w_rz.T, (dr, du, dn)

    _, (dr, du, dn) = jax.lax.scan(step, jnp.zeros(dys.shape[1:]), (dys, hs, rs, us, ns), reverse=True)
    return _summed(hs, jnp.concatenate([dr, du], axis=-1)), _summed(rs * hs, dn), type(z)(dr, du, dn)


_gru_before.defvjp(_gru_before_forward, _gru_before_backward)


@jax.custom_vjp
def _deep(w_1, w_2, z):
    return _deep_forward(w_1, w_2, z)[0]


def _deep_forward(w_1, w_2, z):
    def step(h, z):
        m = jnp.tanh(z + h @ w_1)
        new = jnp.tanh(m @ w_2)
        return new, (new, h, m)

    _, (ys, *kept) = jax.lax.scan(step, jnp.zeros(z.shape[1:]), z)
    return ys, (w_1, w_2, ys, kept)


def _deep_backward(saved, dys):
    w_1, w_2, ys, (hs, ms) = saved

    def step(dh, inputs):
        dy, y, m = inputs
        db = (dh + dy) * (1 - y * y)
        da = (db @ w_2.T) * (1 - m * m)
        return da @ w_1.T, (da, db)

    _, (da, db) = jax.lax.scan(step, jnp.zeros(dys.shape[1:]), (dys, ys, ms), reverse=True)
    return _summed(hs, da), _summed(ms, db), da


_deep.defvjp(_deep_forward, _deep_backward)


def _projected(cell: Cell, params: Any, xs: jax.Array) -> Any:
    return jax.vmap(lambda x: cell.project(params, x))(xs)


def by_hand(cell: Cell) -> Callable[[Any, jax.Array], jax.Array]:
    """Returns `(params, xs) -> ys` with a backward pass written by hand."""
    if isinstance(cell, LayerNormLSTM):
        return lambda p, xs: _layer_norm_lstm(p.w_h, _projected(cell, p, xs))
    if isinstance(cell, DeepTransition):
        return lambda p, xs: _deep(p.w_1, p.w_2, _projected(cell, p, xs).h)
    h = cell.hidden_size  # pyright: ignore[reportAttributeAccessIssue]
    return lambda p, xs: _gru_before(p.w_h[:, : 2 * h], p.w_h[:, 2 * h :], _projected(cell, p, xs))


def by_recurrax(cell: Cell, executor: str) -> Callable[[Any, jax.Array], jax.Array]:
    """Returns `(params, xs) -> ys`."""
    return lambda params, xs: unroll(cell, params, xs, executor=executor)[1]


def main(argv: list[str]) -> None:
    del argv
    print(f"{machine()}, float32, training\n")
    print("| cell | B x T x H | fused, ms | scan / fused | scan / auto | by hand / fused | first call: fused / scan |")
    print("|---|---|---|---|---|---|---|")
    against_hand = []
    for size in _SIZES.value:
        batch, steps, width = map(int, size.split("x"))
        for cell in (LayerNormLSTM(width), GRU(width), DeepTransition(width)):
            params = cell.init(jax.random.key(0), width)
            xs = jax.random.normal(jax.random.key(1), (steps, batch, width))

            ways = {way: by_recurrax(cell, way) for way in ("fused", "scan", "auto")} | {"hand": by_hand(cell)}
            gradients = {
                name: jax.jit(jax.value_and_grad(lambda p, x, run=run: jnp.mean(jnp.square(run(p, x))), (0, 1)))
                for name, run in ways.items()
            }
            runs = {
                name: lambda f=f, p=params, x=xs: (jax.block_until_ready(f(p, x)), None)[1]
                for name, f in gradients.items()
            }
            timed = interleaved(runs, _ROUNDS.value)
            expected, *others = (gradients[name](params, xs) for name in ("scan", "fused", "auto", "hand"))
            for other in others:
                for a, b in zip(jax.tree.leaves(other), jax.tree.leaves(expected), strict=True):
                    assert jnp.abs(a - b).max() <= 1e-4 * jnp.abs(b).max() + 1e-9, "the gradients differ"
            hand, scan = (ratio(timed[name], timed["fused"]) for name in ("hand", "scan"))
            auto = ratio(timed["scan"], timed["auto"])
            against_hand.append(hand[0])
            first = timed["fused"].first_s / timed["scan"].first_s
            columns = (f"{middle:.2f} ({low:.2f}-{high:.2f})" for middle, low, high in (scan, auto, hand))
            ms = f"{timed['fused'].median:.2f}"
            print("|", " | ".join([type(cell).__name__, size, ms, *columns, f"{first:.2f}"]), "|", flush=True)
    print(f"\nfused / by hand: geometric mean {1 / geometric_mean(against_hand):.2f}")


if __name__ == "__main__":
    app.run(main)
