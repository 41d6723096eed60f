"""Our cells against the live libraries, with fresh weights; a library that is missing is an error here."""

import pytest

from tests.peers.compare import assert_agree
from tests.peers.libraries import PEERS, draw
from tests.peers.record_vectors import load

pytestmark = [pytest.mark.peers, pytest.mark.usefixtures("standard_promotion")]

SIZES = [
    {"steps": 1, "batch": 1, "input_size": 1, "hidden_size": 1},
    {"steps": 40, "batch": 3, "input_size": 5, "hidden_size": 13},
]


@pytest.mark.parametrize("sizes", SIZES, ids=lambda sizes: f"T{sizes['steps']}-H{sizes['hidden_size']}")
@pytest.mark.parametrize("name", PEERS)
def test_a_live_library_agrees_with_random_weights(name, sizes):
    for seed in (1000, 1001):
        problem = draw(PEERS[name], seed, **sizes)
        assert_agree(name, problem, PEERS[name].run(problem))


@pytest.mark.parametrize("name", PEERS)
def test_a_live_library_still_does_what_was_recorded(name):
    problem, _ = load(name)
    assert_agree(name, problem, PEERS[name].run(problem))
