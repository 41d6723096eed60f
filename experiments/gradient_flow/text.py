"""Text to model byte by byte: the user's own, or the English that ships with CPython."""

import glob
import hashlib
import os
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from experiments.common.errors import ExperimentError


class Text(NamedTuple):
    """A text as symbols; the first nine tenths are to train on, the rest is held out."""

    name: str
    """Where it came from, for captions."""
    sha256: str
    """Hash of its bytes."""
    symbols: np.ndarray
    """The byte values that occur, rising `[V]`."""
    train: np.ndarray
    """Indices into `symbols`, int32."""
    held_out: np.ndarray
    """Likewise."""


def load_text(path: str, *, minimum_length: int = 2) -> Text:
    """Reads a text.

    Args:
      path: a file, or a glob whose matches are joined in the order of their names; empty for the help topics of CPython
        (`pydoc_data.topics`, about 470 kB; they differ between Python versions).
      minimum_length: bytes that each of the two parts has to have.

    Raises:
      ExperimentError: nothing is there, it cannot be read, is empty, no UTF-8, or too short.
    """
    name, data = _read_topics() if not path else _read_files(path)
    values = np.frombuffer(data, np.uint8)
    split = len(values) * 9 // 10
    if min(split, len(values) - split) < minimum_length:
        raise ExperimentError(
            f"config.data.path: {name} has {len(values)} bytes; these lengths need at least {10 * minimum_length}.\n"
            "Give a longer text, or smaller config.measure.length, config.measure.lyapunov_length and "
            "config.train.length."
        )
    symbols = np.unique(values)
    # A table, since `return_inverse` sorts a large text by way of 16 bytes for each of its own.
    index = np.zeros(256, np.int32)
    index[symbols] = np.arange(len(symbols))
    ids = index[values]
    return Text(name, hashlib.sha256(data).hexdigest(), symbols, ids[:split], ids[split:])


def batch(
    ids: Int[Array, "N"], seed: int | Int[Array, ""], step: int | Int[Array, ""], batch_size: int, length: int
) -> tuple[Int[Array, "T B"], Int[Array, "T B"]]:
    """Draws windows of a text, and the symbol that follows each; depends on nothing but its arguments.

    Returns:
      Inputs and targets, time first; the targets are the inputs one symbol later.
    """
    key = jax.random.fold_in(jax.random.key(seed), step)
    starts = jax.random.randint(key, (batch_size,), 0, ids.shape[0] - length)
    windows = ids[starts[None, :] + jnp.arange(length + 1)[:, None]]
    return windows[:-1], windows[1:]


def _read_topics() -> tuple[str, bytes]:
    try:
        from pydoc_data import topics
    except ImportError as error:
        raise ExperimentError(
            "This Python comes without its help topics, the text that is modelled by default.\n"
            "Give a text of your own with --config.data.path=FILE."
        ) from error
    text = "\n".join(topics.topics[name] for name in sorted(topics.topics))
    return "Help topics of CPython", text.encode()


def _read_files(path: str) -> tuple[str, bytes]:
    paths = sorted(glob.glob(os.path.expanduser(path), recursive=True)) if glob.has_magic(path) else [path]
    paths = [p for p in paths if len(paths) == 1 or Path(p).is_file()]
    if not paths:
        raise ExperimentError(f"config.data.path: no file matches {path!r}.")
    data = b"".join(_read_file(p) for p in paths)
    if not data:
        raise ExperimentError(f"config.data.path: {path} is empty.")
    return (Path(paths[0]).name if len(paths) == 1 else f"{len(paths)} files {path}"), data


def _read_file(path: str) -> bytes:
    try:
        data = Path(os.path.expanduser(path)).read_bytes()
    except OSError as error:
        raise ExperimentError(f"config.data.path: {path} cannot be read: {error.strerror}.") from error
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise ExperimentError(
            f"config.data.path: {path} is not UTF-8 text: byte {error.start} is 0x{data[error.start]:02x}.\n"
            "Convert it first, e.g. with iconv -t UTF-8."
        ) from error
    return data
