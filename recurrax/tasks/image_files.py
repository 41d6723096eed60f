"""Reads MNIST and CIFAR-10 from the files in which they are handed out."""

import gzip
from pathlib import Path

import numpy as np

Images = tuple[np.ndarray, np.ndarray]
"""`[N, rows, columns, channels]` values from 0 to 1, and `[N]` classes."""

CIFAR_SIDE = 32


def read_images(path: Path) -> list[Images]:
    """Returns the images to train on, and those held out.

    Args:
      path: an `.npz` with arrays x_train, y_train, x_test and y_test, as Keras keeps MNIST and CIFAR; a folder with
        MNIST's four `*-ubyte` files, or the same with `.gz`; or a folder with CIFAR-10's binary batches, `*.bin`.

    Raises:
      FileNotFoundError: there is nothing of that kind.
      ValueError: a file is damaged.
    """
    if path.is_file() and path.suffix == ".npz":
        return _npz(path)
    if path.is_dir():
        if any(path.glob("*.bin")):
            return [_cifar(sorted(path.glob("data_batch_*.bin")), path), _cifar([path / "test_batch.bin"], path)]
        return [_mnist(path, "train"), _mnist(path, "t10k")]
    raise FileNotFoundError(
        f"path must be an .npz or a folder with MNIST's *-ubyte files or CIFAR-10's *.bin, got {str(path)!r}."
    )


def _npz(path: Path) -> list[Images]:
    try:
        with np.load(path) as stored:
            arrays = {name: stored[name] for name in ("x_train", "y_train", "x_test", "y_test")}
    except KeyError as error:
        raise ValueError(
            f"path {str(path)!r} has no array {error}; needed are x_train, y_train, x_test, y_test."
        ) from None
    except Exception as error:  # damaged bytes make the readers of zip and npy raise nearly anything
        raise ValueError(f"path {str(path)!r} is damaged: {error}.") from error
    return [_checked(arrays[f"x_{part}"], arrays[f"y_{part}"].ravel(), path) for part in ("train", "test")]


def _mnist(folder: Path, part: str) -> Images:
    images, classes = (_idx(folder, f"{part}-{kind}") for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"))
    return _checked(images, classes, folder)


def _idx(folder: Path, name: str) -> np.ndarray:
    """Reads the IDX format: two zeros, a type, the number of axes, their lengths as big-endian int32, the bytes."""
    for path in (folder / name, folder / f"{name}.gz", folder / name.replace("-idx", ".idx")):
        if path.is_file():
            break
    else:
        raise FileNotFoundError(f"path must hold {name} or {name}.gz, which {str(folder)!r} does not.")
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        kind, axes = data[2], data[3]
        shape = np.frombuffer(data, ">i4", axes, 4)
        values = np.frombuffer(data, np.uint8, -1, 4 + 4 * axes)
        if data[:2] != b"\0\0" or kind != 8 or values.size != shape.prod():
            raise ValueError(f"{len(data)} bytes do not fit its header")
        return values.reshape(shape)
    except (ValueError, IndexError, EOFError, OSError) as error:
        raise ValueError(f"path {str(path)!r} is no IDX file of bytes, or damaged: {error}.") from error


def _cifar(paths: list[Path], folder: Path) -> Images:
    """Reads the binary batches: per image a class, and three planes of 32 by 32 bytes."""
    if not paths or not all(path.is_file() for path in paths):
        raise FileNotFoundError(f"path must hold data_batch_*.bin and test_batch.bin, which {str(folder)!r} does not.")
    record = 1 + 3 * CIFAR_SIDE**2
    data = np.concatenate([np.fromfile(path, np.uint8) for path in paths])
    if data.size == 0 or data.size % record:
        raise ValueError(f"path {str(folder)!r} has batches of {data.size} bytes, no multiple of {record}.")
    rows = data.reshape(-1, record)
    planes = rows[:, 1:].reshape(-1, 3, CIFAR_SIDE, CIFAR_SIDE)
    return _checked(np.moveaxis(planes, 1, -1), rows[:, 0], folder)


def _checked(images: np.ndarray, classes: np.ndarray, path: Path) -> Images:
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or len(images) != len(classes) or not len(images):
        raise ValueError(
            f"path {str(path)!r} has images of shape {images.shape} and {len(classes)} classes; expected "
            "[N, rows, columns] or [N, rows, columns, channels] and N classes."
        )
    scale = 255 if images.dtype == np.uint8 else 1
    return images.astype(np.float32) / scale, classes
