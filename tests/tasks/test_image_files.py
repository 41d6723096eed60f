import gzip
import struct

import numpy as np
import pytest

from recurrax.tasks.image_files import read_images

RNG = np.random.default_rng(0)


def write_idx(path, array):
    data = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}i", *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_mnist(tmp_path, suffix):
    images, classes = RNG.integers(0, 256, (6, 28, 28), np.uint8), np.arange(6, dtype=np.uint8)
    for part in ("train", "t10k"):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte{suffix}", images)
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte{suffix}", classes)
    (train, labels), (test, _) = read_images(tmp_path)
    np.testing.assert_allclose(train[..., 0], images / 255, rtol=1e-6)
    np.testing.assert_array_equal(labels, classes)
    assert test.shape == (6, 28, 28, 1)


def test_cifar(tmp_path):
    planes, classes = RNG.integers(0, 256, (4, 3, 32, 32), np.uint8), np.arange(4, dtype=np.uint8)
    for n in range(2):
        data = np.concatenate([classes[:, None], planes.reshape(4, -1)], 1).astype(np.uint8)
        data.tofile(tmp_path / f"data_batch_{n + 1}.bin")
    data.tofile(tmp_path / "test_batch.bin")
    (train, labels), (test, _) = read_images(tmp_path)
    assert train.shape == (8, 32, 32, 3) and test.shape == (4, 32, 32, 3)
    np.testing.assert_allclose(train[1, 5, 7], planes[1, :, 5, 7] / 255, rtol=1e-6)
    np.testing.assert_array_equal(labels, [0, 1, 2, 3] * 2)


def damaged_npz(folder):
    (folder / "x.npz").write_bytes(b"PK nothing")
    return folder / "x.npz"


def npz_without_test(folder):
    np.savez(folder / "x.npz", x_train=np.zeros((2, 2, 2)), y_train=np.zeros(2))
    return folder / "x.npz"


def short_idx(folder):
    for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"):
        write_idx(folder / f"train-{kind}", np.zeros((2, 3, 3), np.uint8))
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    return folder


def short_gzip(folder):
    path = folder / "train-images-idx3-ubyte.gz"
    write_idx(path, np.zeros((2, 3, 3), np.uint8))
    path.write_bytes(path.read_bytes()[:-5])
    return folder


def short_cifar(folder):
    for name in ("data_batch_1.bin", "test_batch.bin"):
        (folder / name).write_bytes(b"abc")
    return folder


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda folder: folder / "none", FileNotFoundError, r"path must be an \.npz or a folder .*none"),
        (lambda folder: folder, FileNotFoundError, "path must hold train-images-idx3-ubyte or"),
        (damaged_npz, ValueError, r"x\.npz' is damaged"),
        (npz_without_test, ValueError, r"has no array .*x_test"),
        (short_idx, ValueError, "is no IDX file of bytes, or damaged"),
        (short_gzip, ValueError, "is no IDX file of bytes, or damaged"),
        (short_cifar, ValueError, "batches of 3 bytes, no multiple of 3073"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, make, error, message):
    with pytest.raises(error, match=message):
        read_images(make(tmp_path))
