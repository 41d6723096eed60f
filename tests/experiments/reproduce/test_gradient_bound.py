import numpy as np

from experiments.reproduce.gradient_bound import Bound, Network, findings, measure

CONFIG = Bound(tanh_gains=(0.8,), sigmoid_gains=(2.0,), hidden_size=8, steps=6, seeds=2, seed=0)


def test_products_stay_below_the_bound_and_start_at_the_identity():
    network = measure("sigmoid", 2.0, CONFIG)
    assert network.log_norms.shape == network.log_bounds.shape == (2, 7)
    np.testing.assert_allclose(network.log_norms[:, 0], 0, atol=1e-12)
    assert (network.log_norms <= network.log_bounds + 1e-12).all() and (network.log_norms[:, -1] > -60).all()
    np.testing.assert_allclose(network.log_bounds[:, -1], 6 * np.log(network.factors))


def network(norm, bound, factor):
    return Network(np.array([[0.0, norm]]), np.array([[0.0, bound]]), np.array([factor]))


def test_a_bound_that_is_exceeded_is_said_to_be():
    assert findings({("tanh", 0.5): network(-1.0, 1.0, 2.7)}, 1)[0] == "No norm of the 1 products exceeds its bound."
    assert "not reproduced" in findings({("tanh", 0.5): network(1.5, 1.0, 2.7)}, 1)[0]


def test_that_the_bound_is_not_needed_is_said_only_where_a_gradient_vanished_beside_it():
    assert "not necessary" in findings({("tanh", 0.5): network(-5.0, 1.0, 2.7)}, 1)[-1]
    for silent in (network(-5.0, -1.0, 0.4), network(-1.0, 1.0, 2.7)):
        assert not any("not necessary" in sentence for sentence in findings({("tanh", 0.5): silent}, 1))
