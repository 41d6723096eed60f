import numpy as np
import pytest

from experiments.gradient_flow.measuring.pair_losses import pair_losses


def test_a_part_that_the_counts_foretell_is_easy_and_one_that_they_do_not_is_hard():
    """a is followed by b and b by a, in all 1,000 pairs of the one part, and in none of the other."""
    turns, rests = np.tile(np.array([0, 1], np.uint8), 501)[:1001], np.zeros(1001, np.uint8)
    easy, hard = pair_losses(turns, rests, 2)
    assert easy == pytest.approx(-np.log(500.5 / 501)) and hard == pytest.approx(-np.log(0.5 / 501))
    assert pair_losses(turns, turns, 2) == (easy, easy)


def test_of_independent_symbols_it_is_their_entropy():
    ids = np.random.default_rng(0).integers(0, 4, 200_000).astype(np.uint8)
    np.testing.assert_allclose(pair_losses(ids[:100_000], ids[100_000:], 4), np.log(4), atol=1e-3)
