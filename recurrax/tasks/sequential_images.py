"""Images pixel by pixel."""

import dataclasses
import functools
from pathlib import Path

import numpy as np

from recurrax._util import checks
from recurrax.tasks.from_data import Examples, FromData, Split
from recurrax.tasks.image_files import read_images
from recurrax.tasks.task import Solved

HELD_OUT = 5
"""One of so many of scikit-learn's digits is held out, which come without a split of their own."""


@dataclasses.dataclass(frozen=True)
class SequentialImages(FromData):
    """Tells what an image shows after all of its pixels, one per step, row by row (Le, Jaitly & Hinton 2015).

    Default are the 1,797 digits of 8 by 8 pixels that come with scikit-learn, so T = 64. MNIST (T = 784) and CIFAR-10
    (T = 1024, three features) are read from files of your own.

    Attributes:
      path: a folder or file with images, see `recurrax.tasks.image_files.read_images` for what it may hold and how
        numbers are scaled; empty for scikit-learn's digits.
      permuted: whether pixels come in a fixed random order, which leaves no short dependencies to lean on.
      permutation_seed: which order.
    """

    path: str = ""
    permuted: bool = False
    permutation_seed: int = 0

    def __post_init__(self):
        if not isinstance(self.path, str):
            raise TypeError(f"path must be a text, got {self.path!r} of type {type(self.path).__name__}.")
        checks.boolean("permuted", self.permuted)
        checks.seed("permutation_seed", self.permutation_seed)

    @property
    def split(self):
        """The images as sequences `[N, T, D]` of values from 0 to 1."""
        return _split(self.path, self.permutation_seed if self.permuted else None)

    @property
    def length(self):
        """T, the pixels of an image."""
        return self.split.train.xs.shape[1]

    @property
    def solved(self):
        """Below 5 % of the held-out images wrong."""
        return Solved("error", 0.05)


@functools.lru_cache(maxsize=8)
def _split(path: str, permutation_seed: int | None) -> Split:
    parts = read_images(Path(path).expanduser()) if path else _digits()
    length = int(np.prod(parts[0][0].shape[1:3]))
    order = np.arange(length)
    if permutation_seed is not None:
        order = np.random.default_rng(permutation_seed).permutation(length)

    def examples(images, classes):
        return Examples(images.reshape(len(images), length, -1)[:, order], classes.astype(np.int32))

    return Split(*(examples(*part) for part in parts))


def _digits():
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            "The default images of SequentialImages come with scikit-learn, which is not installed: "
            "pip install '.[images]' in the clone of recurrax, or give a path to images of your own."
        ) from error
    pixels, classes = load_digits(return_X_y=True)
    images = (pixels / 16).reshape(-1, 8, 8, 1).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(classes))
    test = np.arange(len(classes)) % HELD_OUT == 0
    return [(images[rows], classes[rows]) for rows in (order[~test], order[test])]
