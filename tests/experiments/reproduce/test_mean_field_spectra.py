import dataclasses

import jax
import numpy as np
import pytest

import recurrax
from experiments.reproduce import mean_field_spectra
from experiments.reproduce.mean_field_spectra import Compared, Spectra, critical_point, findings, gru, lstm
from recurrax.gradflow import theory

CONFIG = Spectra((1.0,), 0.25, (3.0,), hidden_size=150, settle=60, seeds=3, seed=0)


def test_simulation_agrees_with_theory_at_the_published_critical_point():
    chi, _, state = critical_point(dataclasses.replace(CONFIG, seeds=6, settle=30))[3:]
    assert chi.theory == pytest.approx(0.9988, abs=5e-5) and state.theory == pytest.approx(0.3179, abs=5e-5)
    assert abs(chi.measured.mean() - 0.9988) < 4 * chi.error + 0.03
    assert abs(state.measured.mean() - 0.3179) < 4 * state.error + 0.01


@pytest.mark.parametrize("network", [gru, lstm])
def test_eigenvalues_of_a_network_end_where_their_support_does(network):
    found = network(3.0, CONFIG, np.random.default_rng(0))
    radius = theory.support_radius(found.growth, found.kept)
    assert np.abs(found.values).max() == pytest.approx(radius, rel=0.1)


@pytest.mark.parametrize(("name", "gates"), [("gru", 3), ("lstm", 4)])
def test_jacobians_are_the_slopes_of_the_cells(name, gates, monkeypatch):
    seen = {}
    monkeypatch.setattr(np.linalg, "eigvals", lambda jacobian: seen.setdefault("jacobian", jacobian))
    size, settle = 5, 4
    config = dataclasses.replace(CONFIG, hidden_size=size, settle=settle)
    getattr(mean_field_spectra, name)(2.0, config, np.random.default_rng(3))
    rng = np.random.default_rng(3)
    matrices = rng.standard_normal((gates, size, size)) * 2.0 / size**0.5
    xs = 0.5 * rng.standard_normal((settle, gates * size))
    with jax.enable_x64(True):
        cell = recurrax.GRU(size) if name == "gru" else recurrax.LSTM(size)
        bias = np.zeros(3 * size) if name == "gru" else np.repeat([0.0, 1.0, 0.0, 0.0], size)
        params = cell.init(jax.random.key(0), gates * size)
        params = params._replace(w_x=np.eye(gates * size), w_h=np.concatenate([m.T for m in matrices], -1), b=bias)
        carry = jax.tree.map(lambda a: np.asarray(a, float), cell.initial_carry(params))
        for x in xs[:-1]:
            carry = cell.step(params, carry, cell.project(params, x))
        slopes = jax.jacobian(lambda carry: cell.step(params, carry, cell.project(params, xs[-1])))(carry)
    order = ("h",) if name == "gru" else ("c", "h")
    expected = np.block([[np.asarray(getattr(getattr(slopes, to), of)) for of in order] for to in order])
    np.testing.assert_allclose(seen["jacobian"], expected, atol=1e-9)


def test_what_is_found_follows_the_numbers():
    near = Compared("tanh, Gaussian: χ", np.ones(3), np.array([0.99, 1.01, 1.0]))
    far = Compared("GRU, gain 3: spectral radius", np.ones(3), np.array([1.5, 1.5001, 1.5002]))
    lines = findings([near, far])
    assert "at most 50.0%" in lines[1] and lines[2].endswith(
        "tells 1 of the 2 numbers from theory (p < 0.05 after Holm's correction): GRU, gain 3: spectral radius."
    )
    assert "tells none of the 1 numbers" in findings([near])[1]
    assert not any("critical point" in sentence for sentence in lines)


def test_networks_are_compared_with_the_theory_of_their_own_gates():
    """Radii that differ between networks as their theory does: the difference is the same in all, and no chance."""
    radii = np.array([1.0, 1.3, 0.7, 1.1])
    beside = Compared("LSTM: spectral radius", radii, radii + np.array([0.010, 0.011, 0.009, 0.010]))
    assert beside.p < 1e-3 < 0.9 < Compared("LSTM: spectral radius", np.full(4, 1.035), beside.measured).p
