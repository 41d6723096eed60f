"""Safetensors files, read and written directly: named arrays, and no code in the file.

Eight bytes with the length of a JSON header, the header, and the arrays' bytes one after the other.
"""

import json
import math
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from recurrax._util.files import read_regular

DTYPES = {
    "F64": np.dtype("float64"),
    "F32": np.dtype("float32"),
    "F16": np.dtype("float16"),
    "BF16": jnp.dtype("bfloat16"),
    "I64": np.dtype("int64"),
    "I32": np.dtype("int32"),
    "I16": np.dtype("int16"),
    "I8": np.dtype("int8"),
    "U64": np.dtype("uint64"),
    "U32": np.dtype("uint32"),
    "U16": np.dtype("uint16"),
    "U8": np.dtype("uint8"),
    "BOOL": np.dtype("bool"),
}
"""Names of dtypes in a header."""
_METADATA = "__metadata__"
_NAMES = {dtype: name for name, dtype in DTYPES.items()}


def write_safetensors(path: str | Path, arrays: Mapping[str, Any], metadata: Mapping[str, str] | None = None) -> None:
    """Writes arrays to a file, which is there in full or not at all; an older one is replaced.

    Args:
      path: the file.
      arrays: by name.
      metadata: texts by name.

    Raises:
      TypeError: an array has a dtype that the format does not know; a name or a text is no string.
      OSError: the file cannot be written.
    """
    header: dict[str, Any] = {}
    if metadata:
        if not all(isinstance(part, str) for item in metadata.items() for part in item):
            raise TypeError(f"metadata must be texts by name, got {dict(metadata)!r}.")
        header[_METADATA] = dict(metadata)
    chunks, begin = [], 0
    for name, array in arrays.items():
        array = np.asarray(array)
        if not isinstance(name, str):
            raise TypeError(f"arrays must have strings as names, got {name!r}.")
        if array.dtype not in _NAMES:
            raise TypeError(f"arrays[{name!r}] has dtype {array.dtype}, which safetensors does not know.")
        data = np.ascontiguousarray(array).tobytes()
        end = begin + len(data)
        header[name] = {"dtype": _NAMES[array.dtype], "shape": list(array.shape), "data_offsets": [begin, end]}
        chunks.append(data)
        begin = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path = Path(path)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with beside.open("wb") as file:
            file.write(len(text).to_bytes(8, "little"))
            file.write(text)
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def read_safetensors(path: str | Path) -> dict[str, np.ndarray]:
    """Returns the arrays of a file by name.

    Raises:
      ValueError: the file is damaged, no safetensors file or no regular file; the message names it and says where.
        Arrays have to lie one after the other, without holes, as the format has it.
      OSError: it cannot be read.
    """
    header, data = _parts(path)
    return {name: _array(entry, data) for name, entry in header.items() if name != _METADATA}


def read_metadata(path: str | Path) -> dict[str, str]:
    """Returns the texts that were written beside the arrays.

    Raises:
      ValueError, OSError: as `read_safetensors`.
    """
    header, _ = _parts(path)
    return dict(header.get(_METADATA, {}))


def _parts(path: str | Path) -> tuple[dict[str, Any], memoryview]:
    """Returns the header, checked, and what follows it."""
    content = memoryview(read_regular(path))
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > len(content) - 8:
        raise ValueError(f"{path} is no safetensors file, or cut short: it has {len(content)} bytes.")
    try:
        header = json.loads(bytes(content[8 : 8 + length]), object_pairs_hook=_without_duplicates)
    except _Duplicate as error:
        raise ValueError(f"{path}: the header has {error.args[0]!r} twice.") from None
    except (ValueError, RecursionError):
        raise ValueError(f"{path} is no safetensors file: its header is no JSON.") from None
    if not isinstance(header, dict):
        raise ValueError(f"{path} is no safetensors file: its header is a {type(header).__name__}.")
    data = content[8 + length :]
    _check(path, header, len(data))
    return header, data


class _Duplicate(Exception):
    """A name stands in a header twice."""


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _Duplicate(name)
        found[name] = value
    return found


def _check(path: str | Path, header: dict[str, Any], size: int) -> None:
    """Raises unless the arrays of a header lie one after the other and fill the `size` bytes that follow it."""
    metadata = header.get(_METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise ValueError(f"{path}: the header's {_METADATA} must be texts by name, got {_told(metadata)}.")
    spans = []
    for name, entry in header.items():
        if name == _METADATA:
            continue
        try:
            dtype, shape, (begin, end) = DTYPES[entry["dtype"]], tuple(entry["shape"]), entry["data_offsets"]
            whole = all(type(n) is int and n >= 0 for n in (*shape, begin, end))
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"{path}: the header's entry for {name!r} is damaged: {_told(entry)}.") from None
        if not whole or end > size or end - begin != math.prod(shape) * dtype.itemsize:
            raise ValueError(
                f"{path}: the bytes of {name!r} are missing or not as many as its shape needs: {_told(entry)}."
            )
        spans.append((begin, end, name))
    last, before = 0, "the header"
    for begin, end, name in sorted(spans):
        if begin != last:
            fault = "overlap" if begin < last else f"leave a hole of {begin - last} bytes"
            raise ValueError(f"{path}: {before!r} and {name!r} {fault}; arrays must lie one after the other.")
        last, before = end, name
    if last != size:
        raise ValueError(f"{path}: {size - last} bytes follow the last array, {before!r}, and belong to none.")


def _array(entry: Any, data: memoryview) -> np.ndarray:
    begin, end = entry["data_offsets"]
    return np.frombuffer(data[begin:end], DTYPES[entry["dtype"]]).reshape(entry["shape"]).copy()


def _told(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else text[:97] + "..."
