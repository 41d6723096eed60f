"""Our cells against Flax's, live: Flax is there wherever the tests run."""

import pytest

from tests.peers.compare import assert_agree
from tests.peers.libraries import PEERS, draw

FLAX = [name for name, peer in PEERS.items() if peer.library == "flax"]


@pytest.mark.parametrize("name", FLAX)
def test_flax_agrees_with_random_weights(standard_promotion, name):
    problem = draw(PEERS[name], 100, steps=12, batch=3, input_size=5, hidden_size=7)
    assert_agree(name, problem, PEERS[name].run(problem))
