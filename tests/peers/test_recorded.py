"""Our cells against the recorded outputs of other libraries; `record_vectors.py` made them."""

import numpy as np
import pytest

from tests.peers.compare import assert_agree
from tests.peers.libraries import PEERS
from tests.peers.record_vectors import SIZES, VECTORS, load
from tests.peers.twins import TWINS


@pytest.mark.parametrize("name", TWINS)
def test_converted_weights_give_the_recorded_outputs_states_and_gradients(name):
    assert_agree(name, *load(name))


def test_every_peer_is_recorded_once_with_its_version():
    with np.load(VECTORS) as arrays:
        names = {path.partition("/")[0] for path in arrays.files}
        recorded = {path.partition("/")[2]: str(arrays[path]) for path in arrays.files if path.startswith("versions/")}
    assert names - {"versions"} == set(PEERS) == set(TWINS)
    assert {"torch", "flax", "dm-haiku", "keras", "jax", "numpy"} == set(recorded)
    assert all(version[0].isdigit() for version in recorded.values())
    assert VECTORS.stat().st_size < 200_000


@pytest.mark.parametrize("name", TWINS)
def test_the_record_is_no_trivial_one(name):
    """Nothing is zero, one or alike by accident, so that a swapped gate or state must show."""
    problem, solution = load(name)
    assert problem.xs.shape == (SIZES["steps"], SIZES["batch"], SIZES["input_size"])
    assert all(weight.std() > 0.1 for weight in problem.weights.values())
    assert all(state.std() > 0.1 for state in (*problem.start.values(), *solution.final.values()))
    assert solution.ys.std() > 0.1 and solution.gradient.std() > 0.01
