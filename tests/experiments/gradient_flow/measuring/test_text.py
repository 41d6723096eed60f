import hashlib
import os
import tempfile
import time
import tracemalloc

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.common.errors import ExperimentError
from experiments.gradient_flow.measuring.text import PIECE, batch, load_text


def test_the_text_that_ships_with_python_is_there_and_hashed():
    text = load_text("")
    ids = np.concatenate([text.train, text.held_out])
    assert len(ids) > 300_000 and 90 < len(text.symbols) < 130
    assert hashlib.sha256(bytes(text.symbols[ids])).hexdigest() == text.sha256
    assert abs(len(text.train) / len(ids) - 0.9) < 1e-5


def test_a_glob_joins_files_in_the_order_of_their_names(tmp_path):
    (tmp_path / "b.txt").write_text("bb" * 20)
    (tmp_path / "a.txt").write_text("aa" * 20)
    text = load_text(str(tmp_path / "*.txt"))
    assert bytes(text.symbols[np.concatenate([text.train, text.held_out])]) == b"aa" * 20 + b"bb" * 20


def test_batches_are_windows_with_the_next_symbol_as_target_and_a_function_of_seed_and_step():
    ids = jnp.arange(1000, dtype=jnp.int32)
    inputs, targets = batch(ids, 3, 7, 5, 20)
    assert inputs.shape == targets.shape == (20, 5)
    np.testing.assert_array_equal(inputs + 1, targets)
    np.testing.assert_array_equal(inputs[1:], inputs[:-1] + 1)
    np.testing.assert_array_equal(inputs, batch(ids, 3, 7, 5, 20)[0])
    assert (inputs[0] != batch(ids, 3, 8, 5, 20)[0][0]).any() and (inputs[0] != batch(ids, 4, 7, 5, 20)[0][0]).any()


def test_the_last_window_of_a_text_can_be_drawn():
    inputs, targets = batch(jnp.arange(6, dtype=jnp.int32), 0, 0, 500, 4)
    assert inputs[0].min() == 0 and targets[-1].max() == 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        (b"", "is empty"),
        (b"abc\xff" * 50, "not UTF-8 text: byte 3 is 0xff"),
        (b"abc", "3 bytes"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, content, message):
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ExperimentError, match=message):
        load_text(str(path), minimum_length=10)


def test_what_is_no_regular_file_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, kind in ((tmp_path / "pipe", "a pipe"), (tmp_path, "a folder"), ("/dev/zero", "a device")):
        with pytest.raises(ExperimentError, match=rf"config\.data\.path: {path} is no regular file but {kind}"):
            load_text(str(path))
    with pytest.raises(ExperimentError, match=r"config\.data\.path: .* holds a NUL"):
        load_text("a\0b")
    with pytest.raises(ExperimentError, match="no file matches"):
        load_text("a\0*")


def test_a_pattern_without_a_match_is_named(tmp_path):
    with pytest.raises(ExperimentError, match="no file matches"):
        load_text(str(tmp_path / "*.md"))
    os.mkfifo(tmp_path / "a.md")  # nor does a pattern match what is no file
    with pytest.raises(ExperimentError, match="no file matches"):
        load_text(str(tmp_path / "*.md"))


@pytest.mark.parametrize("name", ["a[1].txt", "b*.txt", "c?.txt"])
def test_a_file_may_be_named_like_a_pattern(tmp_path, name):
    (tmp_path / name).write_text("ab" * 20)
    (tmp_path / "a1.txt").write_text("cd" * 20)
    (tmp_path / "b2.txt").write_text("cd" * 20)
    assert bytes(load_text(str(tmp_path / name)).symbols) == b"ab"


def test_the_bytes_that_occur_are_told_and_numbered_whatever_they_are():
    letters = "".join(map(chr, range(0, 1200, 7))) * 30
    text = letters.encode()
    with tempfile.NamedTemporaryFile() as file:
        file.write(text)
        file.flush()
        found = load_text(file.name)
    assert bytes(found.symbols) == bytes(sorted(set(text)))
    assert bytes(found.symbols[np.concatenate([found.train, found.held_out])]) == text


@pytest.mark.parametrize("at", [PIECE - 2, PIECE - 1, PIECE, PIECE + 5])
def test_a_byte_that_is_no_utf_8_is_found_across_pieces(tmp_path, monkeypatch, at):
    monkeypatch.setattr("experiments.gradient_flow.measuring.text.PIECE", 16)
    at = at - PIECE + 16
    whole = ("x" * (at - 1) + "\u20ac" * 20).encode()  # characters of three bytes begin before the end of a piece
    (tmp_path / "text").write_bytes(whole)
    load_text(str(tmp_path / "text"))
    (tmp_path / "text").write_bytes(whole[:at] + b"\xff" + whole[at + 1 :])
    with pytest.raises(ExperimentError, match=rf"is not UTF-8 text: byte {at - 1} is 0xe2"):
        load_text(str(tmp_path / "text"))
    (tmp_path / "text").write_bytes(whole[:-1])
    with pytest.raises(ExperimentError, match=rf"is not UTF-8 text: byte {len(whole) - 3} is 0xe2"):
        load_text(str(tmp_path / "text"))


def test_a_large_text_takes_seconds_and_little_more_memory_than_it_has_bytes(tmp_path):
    """A gigabyte took 40 seconds and five times its size; here are 48 MB, at less than a quarter of that."""
    path = tmp_path / "text"
    path.write_bytes(b"The quick brown fox. " * (48_000_000 // 21))
    tracemalloc.start()
    begin = time.process_time()
    text = load_text(str(path))
    seconds, (_, peak) = time.process_time() - begin, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(text.train) > 43_000_000 and text.train.dtype == np.uint8
    assert peak < 2.2 * path.stat().st_size and seconds < 48e6 / 1e9 * 40 / 4
