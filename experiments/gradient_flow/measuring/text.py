"""Text to model byte by byte: the user's own, or the English that ships with CPython."""

import codecs
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
from recurrax._util.files import read_regular


class Text(NamedTuple):
    """A text as symbols; the first nine tenths are to train on, the rest is held out."""

    name: str
    """Where it came from, for captions."""
    sha256: str
    """Hash of its bytes."""
    symbols: np.ndarray
    """The byte values that occur, rising `[V]`."""
    train: np.ndarray
    """Indices into `symbols`, uint8: a text takes as much memory as it has bytes."""
    held_out: np.ndarray
    """Likewise."""


def load_text(path: str, *, minimum_length: int = 2) -> Text:
    """Reads a text.

    Args:
      path: a file, or else a glob whose matches are joined in the order of their names; empty for the help topics of
        CPython (`pydoc_data.topics`, about 470 kB; they differ between Python versions).
      minimum_length: bytes that each of the two parts has to have.

    Raises:
      ExperimentError: nothing is there, it cannot be read, is empty, no UTF-8, or too short.
    """
    name, data = _read_topics() if not path else _read_files(path)
    split = len(data) * 9 // 10
    if min(split, len(data) - split) < minimum_length:
        raise ExperimentError(
            f"config.data.path: {name} has {len(data)} bytes; these lengths need at least {10 * minimum_length}.\n"
            "Give a longer text, or smaller config.measure.length, config.measure.lyapunov_length and "
            "config.train.length."
        )
    symbols = _symbols(data)
    table = np.zeros(256, np.uint8)
    table[symbols] = np.arange(len(symbols))
    ids = np.frombuffer(data.translate(table.tobytes()), np.uint8)
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
    windows = ids[starts[None, :] + jnp.arange(length + 1)[:, None]].astype(jnp.int32)
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
    literal = os.path.expanduser(path)
    if os.path.exists(literal) or not glob.has_magic(path):  # a file may be named like a pattern
        data, name = _read_file(literal), Path(path).name
    else:
        paths = [found for found in sorted(glob.glob(literal, recursive=True)) if Path(found).is_file()]
        if not paths:
            raise ExperimentError(f"config.data.path: no file matches {path!r}.")
        data = _read_file(paths[0]) if len(paths) == 1 else b"".join(map(_read_file, paths))
        name = Path(paths[0]).name if len(paths) == 1 else f"{len(paths)} files {path}"
    if not data:
        raise ExperimentError(f"config.data.path: {path} is empty.")
    return name, data


def _read_file(path: str) -> bytes:
    try:
        data = read_regular(path)
    except OSError as error:
        raise ExperimentError(f"config.data.path: {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ExperimentError(f"config.data.path: {error}") from error
    _check_utf_8(path, data)
    return data


PIECE = 1 << 24
"""Bytes that are looked at at once: a large text is not copied into something larger."""


def _check_utf_8(path: str, data: bytes) -> None:
    if data.isascii():
        return
    decoder = codecs.getincrementaldecoder("utf-8")()
    for begin in range(0, len(data), PIECE):
        left = len(decoder.getstate()[0])  # of a character that the piece before began
        try:
            decoder.decode(data[begin : begin + PIECE], final=begin + PIECE >= len(data))
        except UnicodeDecodeError as error:
            at = begin - left + error.start
            raise ExperimentError(
                f"config.data.path: {path} is not UTF-8 text: byte {at} is 0x{data[at]:02x}.\n"
                "Convert it first, e.g. with iconv -t UTF-8."
            ) from error


def _symbols(data: bytes) -> np.ndarray:
    """Returns the bytes that occur, rising."""
    absent = bytes(range(256)).translate(None, data)  # deletes from all bytes those of the text, in one pass
    return np.setdiff1d(np.arange(256, dtype=np.uint8), np.frombuffer(absent, np.uint8))
