import json
import os

import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import LSTM
from recurrax.interop import safetensors
from recurrax.interop.safetensors import DTYPES, read_metadata, read_safetensors, write_safetensors


def arrays():
    rng = np.random.default_rng(0)
    return {name: (10 * rng.random((3, 2))).astype(dtype) for name, dtype in DTYPES.items()} | {
        "scalar": np.array(2.5),
        "empty": np.zeros((0, 4), np.float32),
        "transposed": rng.normal(size=(2, 3)).T,
        "jax": jnp.arange(3),
    }


def test_arrays_come_back_as_they_were(tmp_path):
    path = tmp_path / "a.safetensors"
    write_safetensors(path, arrays(), {"made by": "a test"})
    again = read_safetensors(path)
    assert list(again) == list(arrays())
    for name, array in arrays().items():
        assert again[name].dtype == array.dtype and again[name].shape == array.shape
        np.testing.assert_array_equal(again[name], array)
        again[name][...] = 0  # they are the caller's own
    assert read_metadata(path) == {"made by": "a test"}
    assert [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]


def test_the_bytes_are_those_of_the_format(tmp_path):
    """The layout of the format's description: length, JSON header padded to eight bytes, data."""
    path = tmp_path / "a.safetensors"
    write_safetensors(path, {"a": np.array([1, 2], np.int16), "b": np.array([3.0], np.float32)})
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    assert length % 8 == 0
    assert json.loads(content[8 : 8 + length]) == {
        "a": {"dtype": "I16", "shape": [2], "data_offsets": [0, 4]},
        "b": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]},
    }
    assert content[8 + length :] == b"\x01\x00\x02\x00" + np.float32(3).tobytes()


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    write_safetensors(path, {"a": np.ones(3)})

    def fail(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(safetensors.os, "fsync", fail)
    with pytest.raises(OSError, match="no space"):
        write_safetensors(path, {"a": np.zeros(3)})
    np.testing.assert_array_equal(read_safetensors(path)["a"], np.ones(3))
    assert [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no safetensors file, or cut short: it has 0 bytes"),
        ((100).to_bytes(8, "little") + b"{}", "cut short"),
        ((2).to_bytes(8, "little") + b"{]", "its header is no JSON"),
        ((2).to_bytes(8, "little") + b"[]", "its header is a list"),
        ((8).to_bytes(8, "little") + b'{"a": 1}', "the header's entry for 'a' is damaged: 1"),
    ],
)
def test_a_broken_file_is_named(tmp_path, content, message):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        read_safetensors(path)
    assert str(path) in str(error.value)


def broken(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(begin, end, dtype="U8"):
    return {"dtype": dtype, "shape": [end - begin], "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (broken(b"[" * 100_000), "its header is no JSON"),
        (broken(b'{"a":' * 100_000), "its header is no JSON"),
        (broken({"__metadata__": None}), "__metadata__ must be texts by name, got None"),
        (broken({"__metadata__": {"a": 1}}), "__metadata__ must be texts by name"),
        (broken({"__metadata__": []}), "__metadata__ must be texts by name"),
        (broken(b'{"a":1,"a":1}'), "the header has 'a' twice"),
        (broken(b'{"a":{"dtype":"U8","dtype":"I8"}}'), "the header has 'dtype' twice"),
        (broken(b'{"__metadata__":{"k":"1","k":"2"}}'), "the header has 'k' twice"),
        (broken({"a": entry(0, 4), "b": entry(2, 6)}, bytes(6)), "'a' and 'b' overlap"),
        (broken({"a": entry(0, 4), "b": entry(0, 4)}, bytes(4)), "'a' and 'b' overlap"),
        (broken({"a": entry(0, 2), "b": entry(3, 4)}, bytes(4)), "'a' and 'b' leave a hole of 1 bytes"),
        (broken({"a": entry(1, 2)}, bytes(2)), "'the header' and 'a' leave a hole of 1 bytes"),
        (broken({"a": entry(0, 2)}, bytes(5)), "3 bytes follow the last array, 'a'"),
        (broken({}, bytes(5)), "5 bytes follow"),
        (broken({"a": entry(0, 2) | {"shape": [-2]}}, bytes(2)), "not as many as its shape needs"),
        (broken({"a": entry(0, 2) | {"shape": [2.0]}}, bytes(2)), "not as many as its shape needs"),
        (broken({"a": entry(0, 2) | {"shape": None}}, bytes(2)), "entry for 'a' is damaged"),
        (broken({"a": entry(0, 2, "U7")}, bytes(2)), "entry for 'a' is damaged"),
        (broken({"a": entry(0, 2) | {"data_offsets": [0, 1, 2]}}, bytes(2)), "entry for 'a' is damaged"),
    ],
)
@pytest.mark.parametrize("read", [read_safetensors, read_metadata])
def test_a_header_that_the_format_does_not_allow_is_named(tmp_path, content, message, read):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        read(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_arrays_may_stand_in_any_order_and_empty_ones_anywhere(tmp_path, order):
    entries = {"a": entry(0, 2), "b": entry(2, 4), "none": entry(2, 2)}
    (tmp_path / "a").write_bytes(broken({name: entries[name] for name in (*order, "none")}, b"\1\2\3\4"))
    found = read_safetensors(tmp_path / "a")
    assert found["a"].tolist() == [1, 2] and found["b"].tolist() == [3, 4] and found["none"].size == 0


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe is no regular file but a pipe"):
        read_safetensors(tmp_path / "pipe")


def test_missing_bytes_are_named(tmp_path):
    path = tmp_path / "a.safetensors"
    write_safetensors(path, {"a": np.ones(3), "b": np.ones(3)})
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="the bytes of 'b' are missing"):
        read_safetensors(path)


@pytest.mark.parametrize(
    ("given", "metadata", "message"),
    [
        ({"a": np.zeros(2, complex)}, None, r"arrays\['a'\] has dtype complex128"),
        ({1: np.zeros(2)}, None, "arrays must have strings as names, got 1"),
        ({}, {"a": 1}, "metadata must be texts by name"),
    ],
)
def test_what_the_format_does_not_know_is_named(tmp_path, given, metadata, message):
    with pytest.raises(TypeError, match=message):
        write_safetensors(tmp_path / "a", given, metadata)
    assert not list(tmp_path.iterdir())


@pytest.mark.peers
def test_the_safetensors_library_reads_it_and_the_other_way_round(tmp_path):
    library = pytest.importorskip("safetensors.numpy")
    path = tmp_path / "a.safetensors"
    plain = {name: array for name, array in arrays().items() if name not in ("BF16", "jax")}
    write_safetensors(path, plain)
    for name, array in library.load_file(path).items():
        np.testing.assert_array_equal(array, plain[name])
    library.save_file({n: np.ascontiguousarray(a) for n, a in plain.items()}, tmp_path / "b")
    for name, array in read_safetensors(tmp_path / "b").items():
        np.testing.assert_array_equal(array, plain[name])


def test_a_models_weights_go_through_a_file(tmp_path):
    import jax

    from recurrax.interop.torch import from_torch, to_torch

    cell = LSTM(4)
    params = cell.init(jax.random.key(0), 3)
    write_safetensors(tmp_path / "lstm", to_torch(cell, params))
    jax.tree.map(np.testing.assert_array_equal, from_torch(cell, read_safetensors(tmp_path / "lstm")), params)
