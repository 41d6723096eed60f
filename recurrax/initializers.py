"""Initialisers of weights and biases: frozen dataclasses, since how weights are drawn decides what gradients do.

A recurrent weight is one matrix with the gates side by side, `[N, gates * H]`. Whether a scheme looks at each gate's
block or at the whole matrix is part of its name: an orthogonal draw of the whole gives every block half the norm.
"""

import abc
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax.nn.initializers import orthogonal

from recurrax._util import checks
from recurrax._util.spectral_radius import spectral_radius


class Initializer(abc.ABC):
    """Draws one weight or bias."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        jax.tree_util.register_static(cls)

    @abc.abstractmethod
    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = float, *, gates: int = 1) -> jax.Array:
        """Draws an array.

        Args:
          key: source of randomness.
          shape: `[N, gates * H]` for a weight, `[gates * H]` for a bias.
          dtype: dtype of the result; `float` is JAX's default float.
          gates: how many blocks lie side by side along the last axis.
        """


def _per_gate(draw, key: jax.Array, shape: tuple[int, ...], gates: int) -> jax.Array:
    """Draws every gate's block on its own and lays them side by side."""
    if shape[-1] % gates:
        raise ValueError(f"shape must have a last axis that {gates} gates divide evenly, got {shape}.")
    block = (*shape[:-1], shape[-1] // gates)
    return jnp.concatenate([draw(k, block) for k in jax.random.split(key, gates)], axis=-1)


def _two_axes(init: Initializer, shape: tuple[int, ...]) -> None:
    if len(shape) != 2:
        raise ValueError(f"shape must have two axes for {type(init).__name__}, got {shape}; it draws no bias.")


def _orthogonal(gain: float, key: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
    """Draws in float32 what is narrower, since QR knows no half precision."""
    if len(shape) < 2:
        raise ValueError(f"shape must have at least two axes for an orthogonal matrix, got {shape}; it draws no bias.")
    wide = jnp.float32 if jnp.finfo(dtype).bits < 32 else dtype
    return orthogonal(gain)(key, shape, wide).astype(dtype)


@dataclasses.dataclass(frozen=True)
class _Scaled(Initializer):
    """Base of those that a factor scales."""

    gain: float = 1.0

    def __post_init__(self):
        checks.finite("gain", self.gain)


@dataclasses.dataclass(frozen=True)
class Zeros(Initializer):
    """All zeros."""

    def __call__(self, key, shape, dtype=float, *, gates=1):
        return jnp.zeros(shape, dtype)


@dataclasses.dataclass(frozen=True)
class OrthogonalPerGate(_Scaled):
    """A random orthogonal matrix for each gate, times `gain` (Saxe et al. 2014); what Flax's LSTMCell does.

    Every block has all singular values equal to `gain`.
    """

    def __call__(self, key, shape, dtype=float, *, gates=1):
        return _per_gate(lambda k, block: _orthogonal(self.gain, k, block, dtype), key, shape, gates)


@dataclasses.dataclass(frozen=True)
class OrthogonalFused(_Scaled):
    """One random semi-orthogonal matrix over all gates, times `gain`; what Keras and Flax's OptimizedLSTMCell do.

    The Frobenius norm of each of n blocks is about 1 / sqrt(n) of that of a per-gate draw.
    """

    def __call__(self, key, shape, dtype=float, *, gates=1):
        return _orthogonal(self.gain, key, shape, dtype)


@dataclasses.dataclass(frozen=True)
class Identity(_Scaled):
    """The identity for each gate, times `gain` (Le, Jaitly & Hinton 2015: IRNN)."""

    def __call__(self, key, shape, dtype=float, *, gates=1):
        _two_axes(self, shape)
        return _per_gate(lambda k, block: self.gain * jnp.eye(*block, dtype=dtype), key, shape, gates)


@dataclasses.dataclass(frozen=True)
class Gaussian(_Scaled):
    """Independent normal entries of standard deviation `gain` / sqrt(N), N the number of rows.

    For a square block, `gain` is the spectral radius in the limit of many units (the circular law), and sigma_w of
    mean-field theory.
    """

    def __call__(self, key, shape, dtype=float, *, gates=1):
        return self.gain * jax.random.normal(key, shape, dtype) / jnp.sqrt(jnp.asarray(max(shape[0], 1), dtype))


@dataclasses.dataclass(frozen=True)
class Normal(Initializer):
    """Independent normal entries of a standard deviation that does not depend on the size."""

    std: float = 0.001

    def __post_init__(self):
        checks.finite("std", self.std)

    def __call__(self, key, shape, dtype=float, *, gates=1):
        return self.std * jax.random.normal(key, shape, dtype)


@dataclasses.dataclass(frozen=True)
class VanishingGaussian(_Scaled):
    """Independent normal entries of standard deviation `gain` / N, N the number of rows (Erichson et al. 2021).

    Its spectral radius falls as 1 / sqrt(N).
    """

    gain: float = 0.1

    def __call__(self, key, shape, dtype=float, *, gates=1):
        _two_axes(self, shape)
        return self.gain * jax.random.normal(key, shape, dtype) / max(shape[0], 1)


@dataclasses.dataclass(frozen=True)
class GaussianSpectralRadius(Initializer):
    """Independent normal entries, each gate's square block rescaled to exactly the given spectral radius.

    The usual choice for reservoirs, and Pascanu et al. 2013's "smart tanh" with 0.95.
    """

    spectral_radius: float = 0.95

    def __post_init__(self):
        checks.positive("spectral_radius", self.spectral_radius)

    def __call__(self, key, shape, dtype=float, *, gates=1):
        rows, columns = shape[0], shape[-1] // gates
        if len(shape) != 2 or rows != columns:
            raise ValueError(
                f"GaussianSpectralRadius needs a square block per gate, got shape {shape} for {gates} gates."
            )

        def draw(k, block):
            matrix = jax.random.normal(k, block, dtype) / jnp.sqrt(jnp.asarray(rows, dtype))
            return matrix * (self.spectral_radius / spectral_radius(matrix)).astype(matrix.dtype)

        return _per_gate(draw, key, shape, gates)


@dataclasses.dataclass(frozen=True)
class TorchUniform(Initializer):
    """U(-1/sqrt(H), 1/sqrt(H)) for every weight and bias, PyTorch's default; H is the width of one gate.

    PyTorch's cells add two bias vectors where the cells here have one: `draws=2` gives the distribution of their sum.
    """

    draws: int = 1

    def __post_init__(self):
        checks.positive_int("draws", self.draws)

    def __call__(self, key, shape, dtype=float, *, gates=1):
        bound = (shape[-1] // gates) ** -0.5
        return jax.random.uniform(key, (self.draws, *shape), dtype, -bound, bound).sum(0)


@dataclasses.dataclass(frozen=True)
class FanInUniform(_Scaled):
    """U(-b, b), b = `gain` / sqrt(N), N the number of rows: standard deviation `gain` / sqrt(3 N).

    With `gain` 1 it is what PyTorch's `nn.Linear` does to its matrix, with sqrt(3) LeCun's uniform draw.
    """

    def __call__(self, key, shape, dtype=float, *, gates=1):
        _two_axes(self, shape)
        bound = abs(self.gain) * max(shape[0], 1) ** -0.5
        return jax.random.uniform(key, shape, dtype, -bound, bound)


@dataclasses.dataclass(frozen=True)
class GlorotUniformPerGate(Initializer):
    """U(-b, b), b = sqrt(6 / (N + M)), for each gate's block of N rows and M columns (Glorot & Bengio 2010)."""

    def __call__(self, key, shape, dtype=float, *, gates=1):
        _two_axes(self, shape)
        bound = (6 / max(shape[0] + shape[1] // gates, 1)) ** 0.5
        return jax.random.uniform(key, shape, dtype, -bound, bound)


@dataclasses.dataclass(frozen=True)
class GlorotUniformFused(Initializer):
    """`GlorotUniformPerGate` with the columns of all gates counted as M, as Keras and TensorFlow do."""

    def __call__(self, key, shape, dtype=float, *, gates=1):
        return GlorotUniformPerGate()(key, shape, dtype)


@dataclasses.dataclass(frozen=True)
class Uniform(Initializer):
    """Independent entries from U(low, high); for recurrent weights that are vectors, as in `IndRNN`."""

    low: float = 0.0
    high: float = 1.0

    def __post_init__(self):
        checks.finite("low", self.low)
        checks.finite("high", self.high)
        if self.high < self.low:
            raise ValueError(f"high must be at least low = {self.low}, got {self.high}.")

    def __call__(self, key, shape, dtype=float, *, gates=1):
        return jax.random.uniform(key, shape, dtype, self.low, self.high)


@dataclasses.dataclass(frozen=True)
class Constant(Initializer):
    """One value everywhere."""

    value: float = 0.0

    def __post_init__(self):
        checks.finite("value", self.value)

    def __call__(self, key, shape, dtype=float, *, gates=1):
        return jnp.full(shape, self.value, dtype)


@dataclasses.dataclass(frozen=True)
class Ramp(Initializer):
    """From `first` to `last` over each gate's entries, the j-th of n at ((j - 1) / (n - 1))^`power` of the way.

    xLSTM's authors give such forget biases: Ramp(3.0, 6.0) to an mLSTM, Ramp(5.0, -7.0, power=0.3) to an sLSTM.
    """

    first: float
    last: float
    power: float = 1.0

    def __post_init__(self):
        checks.finite("first", self.first)
        checks.finite("last", self.last)
        checks.positive("power", self.power)

    def values(self, n: int, dtype: Any = float) -> jax.Array:
        """Returns the ramp over n entries."""
        return self.first + (self.last - self.first) * (jnp.arange(n, dtype=dtype) / max(n - 1, 1)) ** self.power

    def __call__(self, key, shape, dtype=float, *, gates=1):
        return _per_gate(lambda _, block: jnp.broadcast_to(self.values(block[-1], dtype), block), key, shape, gates)


@dataclasses.dataclass(frozen=True)
class Chrono:
    """Chrono initialisation (Tallec & Ollivier 2018): memory times spread between `t_min` and `t_max` steps.

        u ~ U(t_min, t_max)     forget bias = log u     input bias = -log u

    so that 1 / (1 - sigmoid(forget bias)) = 1 + u. The paper writes U(1, T_max - 1). For a cell's `forget_bias`.
    """

    t_max: float
    t_min: float = 1.0

    def __post_init__(self):
        checks.positive("t_min", self.t_min)
        checks.positive("t_max", self.t_max)
        if self.t_max < self.t_min:
            raise ValueError(f"t_max must be at least t_min = {self.t_min}, got {self.t_max}.")


def check_initializers(**initializers: Any) -> None:
    """Raises unless every argument is an instance of `Initializer`."""
    for name, value in initializers.items():
        if not isinstance(value, Initializer):
            raise TypeError(
                f"{name} must be an instance of a recurrax initialiser, e.g. OrthogonalPerGate(), got {value!r}."
            )
