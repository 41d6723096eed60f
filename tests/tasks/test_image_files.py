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


def saved(folder, x, y=None, x_test=None, y_test=None):
    """Writes an .npz whose held-out part is the first but for what is given."""
    y = np.arange(len(x)) % 3 if y is None else y
    x_test, y_test = (x if x_test is None else x_test), (y if y_test is None else y_test)
    np.savez(folder / "x.npz", x_train=x, y_train=y, x_test=x_test, y_test=y_test)
    return folder / "x.npz"


PIXELS = RNG.integers(0, 256, (4, 3, 3))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.uint32, ">i4"])
def test_whole_numbers_to_255_are_scaled_whatever_their_dtype(tmp_path, dtype):
    """int64 from 0 to 255 was left as it is, where uint8 was scaled: the training came to a loss of 248."""
    for images, _ in read_images(saved(tmp_path, PIXELS.astype(dtype))):
        assert images.dtype == np.float32
        np.testing.assert_allclose(images[..., 0], PIXELS / 255, rtol=1e-6)


@pytest.mark.parametrize(
    ("images", "scale"),
    [
        (PIXELS > 100, 1),
        ((PIXELS > 100).astype(np.uint8), 1),
        (PIXELS.astype(np.uint16) * 256, 65_535),
        (PIXELS / 255, 1),
        ((PIXELS / 255).astype(np.float16), 1),
    ],
)
def test_the_range_that_the_greatest_number_lies_in_is_the_scale(tmp_path, images, scale):
    (train, _), _ = read_images(saved(tmp_path, images))
    np.testing.assert_allclose(train[..., 0], images.astype(np.float64) / scale, rtol=1e-6)


def test_both_parts_have_one_scale(tmp_path):
    path = saved(tmp_path, PIXELS, x_test=(PIXELS > 100).astype(np.uint8))
    _, (test, _) = read_images(path)
    np.testing.assert_allclose(test.max(), 1 / 255, rtol=1e-6)


@pytest.mark.parametrize("labels", [np.array([0, 2, 1, 2], np.uint8), np.array([[0.0], [2.0], [1.0], [2.0]])])
def test_labels_may_stand_in_a_column_and_be_whole_floats(tmp_path, labels):
    (_, classes), _ = read_images(saved(tmp_path, PIXELS, labels))
    assert classes.dtype == np.int32
    np.testing.assert_array_equal(classes, [0, 2, 1, 2])


NAN = np.where(PIXELS == PIXELS.max(), np.nan, 0.5)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"x": PIXELS - 1}, "has int64 images from -1 to .*; expected 0 to 255 or to 65,535"),
        ({"x": PIXELS * 1000}, "images from 0 to .*; expected 0 to 255 or to 65,535"),
        ({"x": PIXELS * 1.0}, "float64 images from .* to 2..; expected 0 to 1; divide them by their range"),
        ({"x": PIXELS / 255 - 0.5}, "images from -0.5 to .*; expected 0 to 1"),
        ({"x": NAN}, "images from nan to nan; expected 0 to 1"),
        ({"x": PIXELS, "x_test": PIXELS / 255}, "train images of int64 and test images of float64"),
        ({"x": PIXELS * 1j}, "dtype complex128; expected real numbers"),
        ({"x": PIXELS.astype(str)}, "dtype <U.*; expected real numbers"),
        ({"x": PIXELS.astype(object)}, "an array holds Python objects"),
        ({"x": PIXELS[0]}, r"train images of shape \(3, 3\)"),
        ({"x": PIXELS[:0]}, r"shape \(0, 3, 3, 1\) and 0 labels"),
        ({"x": PIXELS[:, :0]}, r"shape \(4, 0, 3, 1\)"),
        ({"x": PIXELS, "x_test": PIXELS[:, :2]}, r"train images of \(3, 3, 1\) and test images of \(2, 3, 1\)"),
        ({"x": PIXELS, "y": np.arange(3)}, r"images of shape \(4, 3, 3, 1\) and 3 labels"),
        ({"x": PIXELS, "y": np.array([0, 1, -1, 2])}, "train label -1 at image 2; expected whole numbers 0 to K - 1"),
        ({"x": PIXELS, "y": np.array([0, 1, 0.5, 2])}, "train label 0.5 at image 2"),
        ({"x": PIXELS, "y": np.array([0, np.nan, 1, 2])}, "train label nan at image 1"),
        ({"x": PIXELS, "y": np.array([0, 1, 2, 65_536])}, "train label 65536 at image 3; .* K of at most 65536"),
        ({"x": PIXELS, "y": np.eye(4)}, r"labels of shape \(4, 4\) and dtype float64; .* take argmax\(-1\)"),
        ({"x": PIXELS, "y": np.array(list("abcd"))}, "train labels of shape .* dtype <U1"),
        ({"x": PIXELS, "y_test": np.array([0, 1, 2, 3])}, "has test label 3; those to train on end at 2"),
    ],
)
def test_numbers_that_are_no_images_or_labels_are_named(tmp_path, parts, message):
    with pytest.raises(ValueError, match=message) as error:
        read_images(saved(tmp_path, **parts))
    assert "x.npz" in str(error.value) and "allow_pickle" not in str(error.value)


def test_65_536_classes_are_taken(tmp_path):
    (_, classes), _ = read_images(saved(tmp_path, PIXELS, np.array([0, 1, 2, 65_535])))
    assert classes.max() == 65_535


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
