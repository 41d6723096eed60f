import hashlib

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.common.errors import ExperimentError
from experiments.gradient_flow.text import batch, load_text


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


def test_a_folder_and_a_pattern_without_a_match_are_named(tmp_path):
    with pytest.raises(ExperimentError, match="cannot be read"):
        load_text(str(tmp_path))
    with pytest.raises(ExperimentError, match="no file matches"):
        load_text(str(tmp_path / "*.md"))
