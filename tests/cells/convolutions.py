"""What the tests of convolutional cells share."""

import dataclasses

import numpy as np


def inputs(cell, rng, length, batch):
    from tests.cells.cases import INPUT_SIZE  # which imports the tests that share this file

    return rng.normal(size=(length, *batch, *cell.spatial_shape, INPUT_SIZE))


def smallest(cell):
    return dataclasses.replace(cell, hidden_size=1, spatial_shape=(1,) * len(cell.spatial_shape))


def correlate(a, kernel):
    """Sums windows of [*S, C] against [*K, C, N], zeros outside, place by place."""
    spatial, window = a.shape[:-1], kernel.shape[:-2]
    before = [(k - 1) // 2 for k in window]
    out = np.zeros((*spatial, kernel.shape[-1]))
    for place in np.ndindex(*spatial):
        for offset in np.ndindex(*window):
            seen = tuple(p + o - left for p, o, left in zip(place, offset, before, strict=True))
            if all(0 <= s < size for s, size in zip(seen, spatial, strict=True)):
                out[place] += a[seen] @ kernel[offset]
    return out
