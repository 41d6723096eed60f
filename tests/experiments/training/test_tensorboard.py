"""What is written is read back in the tests of `experiments.train`."""

import sys

import pytest

from experiments.common.errors import ExperimentError
from experiments.training.tensorboard import TensorBoard


def test_a_missing_package_is_named_with_what_installs_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ExperimentError, match=r"pip install -e '\.\[tensorboard\]'"):
        TensorBoard(tmp_path, 0)


def test_numbers_alone_are_written(tmp_path):
    with TensorBoard(tmp_path, 0) as board:
        board.write(1, "seed_0", {"loss": 0.5, "gradient_norms": True})
    (file,) = tmp_path.iterdir()
    data = file.read_bytes()
    assert b"seed_0/loss" in data and b"gradient_norms" not in data
