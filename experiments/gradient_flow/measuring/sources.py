"""What drives the cells, and what loss is propagated back: real text, or noise."""

from typing import Any, Protocol

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from experiments.gradient_flow.config import GradientFlow
from experiments.gradient_flow.measuring.text import Text, batch, load_text

MEASURED, LONG = 0, 1
"""Batches of the held-out text have negative steps' place: they are drawn by these numbers from their own seed."""


class Source(Protocol):
    """Sequences, a readout, and a loss at the last step."""

    name: str
    sha256: str
    input_size: int

    def init_readout(self, key: jax.Array, width: int) -> Any:
        """Draws the readout's parameters for outputs y_t of that width."""
        ...

    def sequences(self, number: int, size: int, length: int) -> tuple[Float[Array, "T B D"], Any]:
        """Returns the measured inputs, and what the loss at the last step compares with."""
        ...

    def last_loss(self, readout: Any, ys: Float[Array, "T B H"], targets: Any) -> Float[Array, ""]:
        """Returns the loss of the last output only, summed over the batch, so that examples do not share a scale."""
        ...


class TextSource:
    """Byte-level language modelling: one-hot symbols in, the next symbol to be told."""

    def __init__(self, text: Text):
        self.text = text
        self.name, self.sha256, self.input_size = text.name, text.sha256, len(text.symbols)

    def init_readout(self, key, width):
        scale = jnp.sqrt(jnp.asarray(width, jnp.float32))
        return {"w": jax.random.normal(key, (width, self.input_size)) / scale, "b": jnp.zeros(self.input_size)}

    def sequences(self, number, size, length):
        ids, targets = batch(jnp.asarray(self.text.held_out), number, 0, size, length)
        return jax.nn.one_hot(ids, self.input_size), targets

    def last_loss(self, readout, ys, targets):
        return self.losses(readout, ys[-1], targets[-1]).sum()

    def losses(self, readout, ys, targets):
        """Returns the cross-entropy of each prediction, nats."""
        return optax.softmax_cross_entropy_with_integer_labels(ys @ readout["w"] + readout["b"], targets)


class NoiseSource:
    """Independent Gaussian inputs, and a random linear functional of the last output as the loss."""

    def __init__(self, features: int, variance: float, seed: int):
        self.name = f"Gaussian noise of variance {variance:g}"
        self.sha256 = ""
        self.input_size, self._scale, self._seed = features, variance**0.5, seed

    def init_readout(self, key, width):
        direction = jax.random.normal(key, (width,))
        return direction / jnp.linalg.norm(direction)

    def sequences(self, number, size, length):
        key = jax.random.fold_in(jax.random.key(self._seed), number)
        return self._scale * jax.random.normal(key, (length, size, self.input_size)), None

    def last_loss(self, readout, ys, targets):
        return (ys[-1] @ readout).sum()


def make_source(config: GradientFlow) -> TextSource | NoiseSource:
    """Returns the source that the config asks for.

    Raises:
      ExperimentError: the text cannot be read or is too short.
    """
    if config.data.source == "noise":
        return NoiseSource(config.data.features, config.data.variance, config.seed)
    needed = 1 + max(*config.lengths(), config.measure.lyapunov_length, config.train.length)
    return TextSource(load_text(config.data.path, minimum_length=needed))
