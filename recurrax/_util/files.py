"""Files that users name: read where they are regular files, and refused with a reason where they are none."""

import os
import stat
from pathlib import Path

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def read_regular(path: str | Path) -> bytes:
    """Returns the bytes of a regular file; of a pipe one would wait for them, and a device may have no end.

    Raises:
      ValueError: it is no regular file, or no name of any.
      OSError: it cannot be read.
    """
    if "\0" in str(path):
        raise ValueError(f"{str(path)!r} is no name of a file: it holds a NUL.")
    kind = stat.S_IFMT(os.stat(path).st_mode)
    if kind != stat.S_IFREG:
        raise ValueError(f"{path} is no regular file but {_KINDS.get(kind, 'something else')}.")
    return Path(path).read_bytes()
