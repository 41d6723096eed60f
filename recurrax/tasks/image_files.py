"""Reads MNIST and CIFAR-10 from the files in which they are handed out."""

import gzip
import io
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile

Images = tuple[np.ndarray, np.ndarray]
"""`[N, rows, columns, channels]` values from 0 to 1, and `[N]` classes."""

CIFAR_SIDE = 32
CLASSES = 65_536
"""At most so many: more are no classes but something else, and a readout of so many scores would not fit."""


def read_images(path: Path) -> list[Images]:
    """Returns the images to train on, and those held out, both scaled alike.

    Whole numbers are scaled by the range that the greatest of the file lies in, whatever their dtype: 0 to 1 as they
    are, 0 to 255 by 255, 0 to 65,535 by 65,535. Other numbers are taken as they are, and have to lie between 0 and 1.

    Args:
      path: an `.npz` with arrays x_train, y_train, x_test and y_test, as Keras keeps MNIST and CIFAR; a folder with
        MNIST's four `*-ubyte` files, or the same with `.gz`; or a folder with CIFAR-10's binary batches, `*.bin`.

    Raises:
      FileNotFoundError: there is nothing of that kind.
      OSError: a file cannot be read.
      ValueError: a file is damaged; images are of other sizes or numbers, or labels no whole numbers 0 to K - 1 with
        K of at most 65,536; what is held out has other sizes or classes than what is trained on.
    """
    if path.is_file() and path.suffix == ".npz":
        return _npz(path)
    if path.is_dir():
        if any(path.glob("*.bin")):
            batches = sorted(path.glob("data_batch_*.bin")), [path / "test_batch.bin"]
            return _checked([_cifar(paths, path) for paths in batches], path)
        return _checked([_mnist(path, part) for part in ("train", "t10k")], path)
    raise FileNotFoundError(
        f"path must be an .npz or a folder with MNIST's *-ubyte files or CIFAR-10's *.bin, got {str(path)!r}."
    )


def _npz(path: Path) -> list[Images]:
    content = io.BytesIO(path.read_bytes())
    try:
        with NpzFile(content) as stored:
            arrays = {name: stored[name] for name in ("x_train", "y_train", "x_test", "y_test")}
    except KeyError as error:
        raise ValueError(
            f"path {str(path)!r} has no array {error}; needed are x_train, y_train, x_test, y_test."
        ) from None
    except Exception as error:  # damaged bytes make the readers of zip and npy raise nearly anything
        # NumPy advises to run code from the file where its arrays are of Python objects.
        reason = "an array holds Python objects" if "allow_pickle" in str(error) else error
        raise ValueError(f"path {str(path)!r} is damaged, or no .npz of numbers: {reason}.") from error
    return _checked([(arrays[f"x_{part}"], arrays[f"y_{part}"]) for part in ("train", "test")], path)


def _mnist(folder: Path, part: str) -> Images:
    images, classes = (_idx(folder, f"{part}-{kind}") for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"))
    return images, classes


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
    return np.moveaxis(planes, 1, -1), rows[:, 0]


def _checked(parts: list[Images], path: Path) -> list[Images]:
    """Returns what is trained on and what is held out as `read_images` describes them."""
    names = ("train", "test")
    parts = [(_with_channels(x, path, name), _labels(y, path, name)) for (x, y), name in zip(parts, names, strict=True)]
    for (images, classes), name in zip(parts, names, strict=True):
        if len(images) != len(classes) or not images.size:
            raise ValueError(
                f"path {str(path)!r} has {name} images of shape {images.shape} and {len(classes)} labels; expected one "
                "label for each image, of one or more."
            )
    (train, known), (test, asked) = parts
    if train.shape[1:] != test.shape[1:]:
        raise ValueError(
            f"path {str(path)!r} has train images of {train.shape[1:]} and test images of {test.shape[1:]}."
        )
    if asked.max() > known.max():
        raise ValueError(f"path {str(path)!r} has test label {asked.max()}; those to train on end at {known.max()}.")
    scale = _scale(train, test, path)
    return [(images.astype(np.float32) / np.float32(scale), classes) for images, classes in parts]


def _with_channels(images: np.ndarray, path: Path, name: str) -> np.ndarray:
    images = images[..., None] if images.ndim == 3 else images
    if images.ndim != 4 or images.dtype.kind not in "buif":
        raise ValueError(
            f"path {str(path)!r} has {name} images of shape {images.shape} and dtype {images.dtype}; expected real "
            "numbers [N, rows, columns] or [N, rows, columns, channels]."
        )
    return images


def _labels(classes: np.ndarray, path: Path, name: str) -> np.ndarray:
    """Returns labels `[N]`, which Keras keeps as `[N, 1]`, as integers."""
    flat = classes[:, 0] if classes.ndim == 2 and classes.shape[1] == 1 else classes
    if flat.ndim != 1 or flat.dtype.kind not in "buif":
        hint = "; of one score for each class take argmax(-1)" if flat.ndim == 2 else ""
        raise ValueError(
            f"path {str(path)!r} has {name} labels of shape {classes.shape} and dtype {classes.dtype}; expected a "
            f"whole number for each image{hint}."
        )
    good = (flat >= 0) & (flat < CLASSES) & (flat == np.floor(flat))
    if not good.all():
        wrong = np.argmin(good)
        raise ValueError(
            f"path {str(path)!r} has {name} label {flat[wrong]} at image {wrong}; expected whole numbers 0 to K - 1 "
            f"with K of at most {CLASSES}."
        )
    return flat.astype(np.int32)


def _scale(train: np.ndarray, test: np.ndarray, path: Path) -> int:
    """Returns what both parts are divided by."""
    low, high = (float(f([f(train), f(test)])) for f in (np.min, np.max))  # NaN stays NaN
    whole = train.dtype.kind != "f" and test.dtype.kind != "f"
    if (train.dtype.kind == "f") != (test.dtype.kind == "f"):
        raise ValueError(f"path {str(path)!r} has train images of {train.dtype} and test images of {test.dtype}.")
    ranges = (1, 255, 65_535) if whole else (1,)
    if not (low >= 0 and high <= ranges[-1]):
        wanted = "0 to 255 or to 65,535" if whole else "0 to 1; divide them by their range"
        raise ValueError(f"path {str(path)!r} has {train.dtype} images from {low:g} to {high:g}; expected {wanted}.")
    return next(limit for limit in ranges if high <= limit)
