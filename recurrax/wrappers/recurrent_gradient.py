"""Control of the gradient from step to step, in the backward pass alone."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp

from recurrax._util import checks
from recurrax._util.float_leaves import is_float
from recurrax._util.naming import did_you_mean
from recurrax.cell import dot
from recurrax.wrappers._base import Wrapper


@dataclasses.dataclass(frozen=True)
class RecurrentGradient(Wrapper):
    """Cuts, scales or clips the gradient that flows from a step to the one before it; values are not changed.

        dL/ds_{t-1} -> scale * dL/ds_{t-1}              of what flows through the step; 0 for fields in `cut`
        then clipped: to [-clip_value, clip_value], or to the norm clip_norm over the whole state of an example

    To ask what a path of the gradient is good for (cut c, keep h), and against explosion where it arises (the backward
    clipping of Graves 2013; recurrent cuts and clips as in FlashRNN). Resets and held states are not concerned.

    Cuts and scales have derivatives of every kind, of the function with its changed gradient. Clips are for reverse
    mode, once: a derivative in forward mode ends in an error of JAX, and measurements, which scale gradients, refuse.

    Attributes:
      cell: the cell inside.
      scale: factor of the gradient.
      cut: names of fields of the state through which none flows.
      clip_value: largest size of an entry; None for no limit.
      clip_norm: largest norm per example; None for no limit.
    """

    scale: float = 1.0
    cut: tuple[str, ...] = ()
    clip_value: float | None = None
    clip_norm: float | None = None

    def __post_init__(self):
        super().__post_init__()
        checks.finite("scale", self.scale)
        if not (isinstance(self.cut, tuple) and all(isinstance(field, str) for field in self.cut)):
            raise TypeError(f"cut must be a tuple of names of fields, got {self.cut!r}.")
        for name in ("clip_value", "clip_norm"):
            if getattr(self, name) is not None:
                checks.positive(name, getattr(self, name))

    @property
    def clips_gradients(self):
        """Whether this one does, or the cell inside."""
        return self.clip_value is not None or self.clip_norm is not None or self.cell.clips_gradients

    def init(self, key, input_size):
        params = self.cell.init(key, input_size)
        fields = getattr(jax.eval_shape(lambda p: self.cell.initial_carry(self.cell.prepare(p)), params), "_fields", ())
        for field in self.cut:
            if field not in fields:
                raise ValueError(
                    f"cut must name fields of the state of {self.cell!r}, {', '.join(fields)}, got {field!r}."
                    f"{did_you_mean(field, fields)}"
                )
        return params

    def step(self, weights, carry, z, dot=dot):
        return self.cell.step(weights, self._controlled(weights, carry), z, dot)

    def gates(self, weights, carry, z, dot=dot):
        return self.cell.gates(weights, carry, z, dot)

    def _controlled(self, weights: Any, carry: Any) -> Any:
        """Returns the state as it is, with a gradient of its own; what is done last here comes first going back."""
        if self.clip_value is not None:
            carry = jax.tree.map(lambda a: _clipped(a, self.clip_value) if is_float(a) else a, carry)
        if self.clip_norm is not None:
            own = jax.eval_shape(self.cell.initial_carry, weights)
            axes = tuple(len(a.shape) for a in jax.tree.leaves(own))
            carry = _clipped_norm(carry, self.clip_norm, axes)
        if self.scale != 1:
            carry = jax.tree.map(lambda a: _scaled(a, self.scale) if is_float(a) else a, carry)
        if self.cut:
            carry = carry._replace(**{field: jax.lax.stop_gradient(getattr(carry, field)) for field in self.cut})
        return carry


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _scaled(a: jax.Array, scale: float) -> jax.Array:
    del scale
    return a


@_scaled.defjvp
def _scaled_jvp(scale, primals, tangents):
    return primals[0], scale * tangents[0]


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def _clipped(a: jax.Array, limit: float) -> jax.Array:
    del limit
    return a


def _clipped_forward(a, limit):
    del limit
    return a, None


def _clipped_backward(limit, _, gradient):
    if jnp.iscomplexobj(gradient):
        return (jax.lax.complex(*(jnp.clip(part, -limit, limit) for part in (gradient.real, gradient.imag))),)
    return (jnp.clip(gradient, -limit, limit),)


_clipped.defvjp(_clipped_forward, _clipped_backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def _clipped_norm(carry: Any, limit: float, axes: tuple[int, ...]) -> Any:
    del limit, axes
    return carry


def _clipped_norm_forward(carry, limit, axes):
    del limit, axes
    return carry, None


def _clipped_norm_backward(limit, axes, _, gradient):
    leaves, treedef = jax.tree.flatten(gradient)
    flat = [g.reshape(*g.shape[: g.ndim - n], -1) for g, n in zip(leaves, axes, strict=True) if is_float(g)]
    squares = sum((jnp.square(jnp.abs(g)).sum(-1) for g in flat[1:]), jnp.square(jnp.abs(flat[0])).sum(-1))
    factor = limit / jnp.maximum(jnp.sqrt(squares), limit)

    def scaled(g, n):
        return g * factor.reshape(factor.shape + (1,) * n).astype(g.dtype) if is_float(g) else g

    return (treedef.unflatten([scaled(g, n) for g, n in zip(leaves, axes, strict=True)]),)


_clipped_norm.defvjp(_clipped_norm_forward, _clipped_norm_backward)
