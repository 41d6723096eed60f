import numpy as np
import pytest
import scipy.optimize
import scipy.special

from experiments.reproduce.error_wall import Surface, Wall, descend, error, findings, folds


def test_the_gradient_is_the_slope_of_the_error():
    at, step = np.array([4.9, -2.6]), 1e-6
    surface = error(*at, steps=20)
    for n, slope in enumerate((surface.by_weight, surface.by_bias)):
        away = np.eye(2)[n] * step
        difference = error(*(at + away), steps=20).error - error(*(at - away), steps=20).error
        assert float(slope) == pytest.approx(float(difference) / (2 * step), rel=1e-5)


def test_the_wall_is_as_steep_as_it_was_found_to_be():
    weights, biases = np.linspace(4, 7, 301), np.linspace(-3.2, -1.8, 281)
    norm = error(weights[:, None], biases, 50).norm
    n, m = np.unravel_index(norm.argmax(), norm.shape)
    assert norm.max() == pytest.approx(3320, rel=1e-3) and np.median(norm) == pytest.approx(0.060, abs=5e-4)
    assert (weights[n], biases[m]) == (pytest.approx(4.94), pytest.approx(-2.575))


def test_folds_are_where_two_fixed_points_meet():
    np.testing.assert_allclose(folds(5.0), (-2.655610, -2.344390), atol=5e-7)

    def fixed_points(bias):
        x = np.linspace(-8, 8, 40_001)
        return np.sum(np.diff(np.sign(5 * scipy.special.expit(x) + bias - x)) != 0)

    assert [fixed_points(b) for b in (-2.66, -2.65, -2.35, -2.34)] == [1, 3, 3, 1]


def test_a_clipped_step_is_no_longer_than_the_threshold_allows():
    config = Wall(steps=50, points=2, learning_rate=0.1, threshold=0.5, start_weight=4.94, start_bias=-2.575, updates=3)
    lengths = np.linalg.norm(np.diff(descend(config, clip=True), axis=0), axis=1)
    assert (lengths <= 0.05 + 1e-12).all() and np.linalg.norm(np.diff(descend(config, clip=False)[:2], axis=0)) > 100


def test_descents_that_do_not_differ_are_not_said_to():
    flat = Surface(np.ones(3), np.ones(3), np.zeros(3))
    short, long = np.array([[5.0, -2.0], [5.1, -2.0]]), np.array([[5.0, -2.0], [60.0, -2.0]])
    assert len(findings(flat, short, short, (0.1, 0.1))) == 1
    said = findings(flat, long, short, (0.09, 0.001))[1]
    assert "out of the figure, and ends at an error of 0.09" in said and "ends at 0.001" in said


def test_clipped_descent_gets_down_along_the_wall_and_plain_descent_is_lost_behind_it():
    """Lost: the sigmoid is 1 to all digits there, so that the error is 0.3 squared and its gradient 0."""
    config = Wall(50, points=2, learning_rate=0.5, threshold=0.1, start_weight=5.5, start_bias=-2.6, updates=100)
    plain, clipped = (error(*descend(config, clip)[-1], config.steps) for clip in (False, True))
    assert plain.error == pytest.approx(0.09) and plain.norm == 0 and clipped.error < 1e-3
