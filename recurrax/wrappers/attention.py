"""Attention over past states."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from recurrax._util import checks
from recurrax.cell import dot
from recurrax.initializers import Gaussian, Initializer, check_initializers
from recurrax.wrappers._base import Wrapper


class AttentionParams(NamedTuple):
    """Parameters of `Attention`: those of the cell inside, and of the score."""

    inner: Any
    w_s: Float[Array, "H A"]
    w_h: Float[Array, "H A"]
    v: Float[Array, "A 1"]


class AttentionCarry(NamedTuple):
    """State of `Attention`."""

    inner: Any
    """State of the cell inside, its h being s_t."""
    past: Float[Array, "*B K H"]
    """h of the last K steps, the newest last."""
    count: Int[Array, "*B"]
    """How many of them there are."""


@dataclasses.dataclass(frozen=True)
class Attention(Wrapper):
    """Self-attention over the last K states (Kerg et al. 2020; scores of Bahdanau et al. 2015).

        h_t = the cell's h, from s_{t-1} and x_t        e_j = v^T tanh(W s_{t-1} + U h_{t-j})    j = 1..K
        s_t = h_t + sum_j a_j h_{t-j}                   a = softmax(e)

    A shortcut to every one of K past states, each open as far as the state asks for it: gradients of long-term
    dependencies need not pass the steps between. The other fields of the cell's state, c of an LSTM, go on as they are.

    Attributes:
      cell: the cell inside; its state has a real field h `[*B, H]`.
      window: K.
      size: A, of the score's hidden layer; None for H.
      score_init: how W, U and v are drawn.
    """

    window: int = 16
    size: int | None = None
    score_init: Initializer = Gaussian()

    def __post_init__(self):
        super().__post_init__()
        checks.positive_int("window", self.window)
        if self.size is not None:
            checks.positive_int("size", self.size)
        check_initializers(score_init=self.score_init)

    def init(self, key, input_size):
        key_cell, key_s, key_h, key_v = jax.random.split(key, 4)
        params = self.cell.init(key_cell, input_size)
        start = self.cell.initial_carry(self.cell.prepare(params))
        h = getattr(start, "h", None)
        if h is None or h.ndim != 1 or jnp.iscomplexobj(h):
            raise ValueError(f"cell must have a state with a real field h of shape [*B, H], {self.cell!r} has not.")
        units = h.shape[0]
        size = self.size or units
        w_s, w_h = self.score_init(key_s, (units, size)), self.score_init(key_h, (units, size))
        return AttentionParams(params, w_s, w_h, self.score_init(key_v, (size, 1)))

    def prepare(self, params, *, key=None, batch_shape=()):
        return params._replace(inner=self.cell.prepare(params.inner, key=key, batch_shape=batch_shape))

    def initial_carry(self, weights, batch_shape=()):
        start = self.cell.initial_carry(weights.inner, batch_shape)
        past = jnp.zeros((*batch_shape, self.window, start.h.shape[-1]), start.h.dtype)
        return AttentionCarry(start, past, jnp.zeros(batch_shape, jnp.int32))

    def project(self, weights, x, key=None):
        return self.cell.project(weights.inner, x, key)

    def step(self, weights, carry, z, dot=dot):
        new = self.cell.step(weights.inner, carry.inner, z, dot)
        known = jnp.arange(self.window, dtype=jnp.int32) >= self.window - carry.count[..., None]
        hidden = jnp.tanh(dot(carry.inner.h, weights.w_s)[..., None, :] + dot(carry.past, weights.w_h))
        scores = dot(hidden, weights.v)[..., 0]
        # At the first step there is nothing to look at: all shares are zero.
        shares = jnp.where(known, jax.nn.softmax(jnp.where(known, scores, jnp.finfo(scores.dtype).min)), 0)
        context = (shares[..., None] * carry.past).sum(-2)
        past = jnp.concatenate([carry.past[..., 1:, :], new.h[..., None, :]], axis=-2)
        count = jnp.minimum(carry.count + 1, self.window)
        return AttentionCarry(new._replace(h=new.h + context), past, count)

    def output(self, weights, carry, z):
        return self.cell.output(weights.inner, carry.inner, z)

    def gates(self, weights, carry, z, dot=dot):
        return self.cell.gates(weights.inner, carry.inner, z, dot)

    def input_size(self, params):
        return self.cell.input_size(params.inner)
