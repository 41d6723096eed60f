"""The start of a cell is part of its claim: weights are drawn as the code of its authors draws them.

Each scale below was read off that code, which is named beside it. A cell that is not here has the library's common
start (`PlainCell`), or says in its docstring by what it differs from its authors'.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import cells, unroll
from recurrax.cells.lipschitz_rnn import LipschitzRNNCarry
from recurrax.initializers import Gaussian

D, H = 40, 60


def uniform(bound, low=None):
    return "uniform", -bound if low is None else low, bound


def normal(deviation):
    return "normal", 0.0, deviation


def constant(value):
    return "constant", value, value


def glorot(rows, columns):
    return uniform(math.sqrt(6 / (rows + columns)))


STARTS = {
    "LipschitzRNN": {  # erichson/LipschitzRNN: gaussian_init_, nn.Linear
        "m_a": normal(0.1 / H),
        "m_w": normal(0.1 / H),
        "w_x": uniform(D**-0.5),
        "b": constant(0.0),
    },
    "BRC": {"w_x": glorot(D, H), "u": constant(1.0), "b": constant(0.0)},  # nvecoven/BRC
    "NBRC": {"w_x": glorot(D, H), "w_h": glorot(H, H), "b": constant(0.0)},  # nvecoven/BRC
    "UnitaryRNN": {  # amarshah/complex_RNN
        "w_x_re": glorot(D, 2 * H),
        "w_x_im": glorot(D, 2 * H),
        "phases": uniform(math.pi),
        "reflections_re": glorot(2, 2 * H),
        "reflections_im": glorot(2, 2 * H),
        "b": uniform(0.01),
    },
    "ExpRNN": {"w_x": normal(math.sqrt(2 / D)), "b": uniform(0.01)},  # Lezcano/expRNN
    "CoRNN": {"w_x": uniform((D + 2 * H) ** -0.5), "w_h": uniform((D + 2 * H) ** -0.5)},  # tk-rusch/coRNN
    "LEM": {"w_x": uniform(H**-0.5), "w_h": uniform(H**-0.5)},  # tk-rusch/LEM
    "UnICORNN": {  # tk-rusch/unicornn
        "w_x": uniform(math.sqrt(2 / (1 + 8**2)) * math.sqrt(3 / D)),
        "w": uniform(1.0, 0.0),
        "c": uniform(0.1),
        "b": constant(0.0),
    },
    "IndRNN": {"u": uniform(1.0, 0.0)},  # Sunnydreamrain/IndRNN_pytorch
    "JANET": {"w_x": glorot(D, 2 * H), "w_h": glorot(H, 2 * H)},  # JosvanderWesthuizen/janet
    "QRNN": {"w_x": uniform((2 * D) ** -0.5), "w_past": uniform((2 * D) ** -0.5)},  # salesforce/pytorch-qrnn
    "SRU": {"v": uniform(1.5**0.5)},  # asappresearch/sru
    "LTC": {  # mlech26l/ncps
        "slope_x": uniform(8.0, 3.0),
        "slope_h": uniform(8.0, 3.0),
        "centre_x": uniform(0.8, 0.3),
        "centre_h": uniform(0.8, 0.3),
        "rest": uniform(0.2),
    },
    "LRU": {  # NicolasZucchet/minimal-LRU
        "w_x_re": normal((2 * D) ** -0.5),
        "w_x_im": normal((2 * D) ** -0.5),
        "w_y_re": normal(H**-0.5),
        "w_y_im": normal(H**-0.5),
    },
    "IRNN": {"w_x": normal(0.001), "b": constant(0.0)},  # Le, Jaitly & Hinton (2015)
}


@pytest.mark.parametrize("name", STARTS)
def test_weights_are_drawn_as_the_authors_draw_them(name):
    params = getattr(cells, name)(hidden_size=H).init(jax.random.key(0), D)
    for field, (kind, low, high) in STARTS[name].items():
        entries = np.asarray(getattr(params, field)).ravel()
        if kind == "constant":
            np.testing.assert_array_equal(entries, low, err_msg=field)
            continue
        error = 5 / math.sqrt(entries.size)
        mean, deviation = ((low + high) / 2, (high - low) / math.sqrt(12)) if kind == "uniform" else (low, high)
        assert abs(entries.mean() - mean) < error * deviation, field
        assert entries.std() == pytest.approx(deviation, rel=error), field
        if kind == "uniform":
            assert low <= entries.min() and entries.max() <= high, field
        else:  # no uniform draw of this deviation
            assert np.abs(entries).max() > 2 * deviation, field


def test_the_heads_and_the_backbone_of_a_cfc_are_glorots_each_by_its_own_size():
    """mlech26l/ncps."""
    params = cells.CfC(hidden_size=H, backbone_size=50).init(jax.random.key(0), D)
    for weight, bound in (
        (params.w_x, 6 / (D + H + 50)),
        (params.w_h, 6 / (D + H + 50)),
        (params.deeper[0].w, 6 / 110),
    ):
        assert weight.std() == pytest.approx(math.sqrt(bound / 3), rel=0.05)
        assert jnp.abs(weight).max() <= math.sqrt(bound)


def test_the_candidate_of_an_sru_has_the_variance_of_its_input_and_its_gates_half_of_it():
    """asappresearch/sru: U(-1, 1) sqrt(3 / D), what leads to gates times sqrt(1/2)."""
    w = np.asarray(cells.SRU(hidden_size=H).init(jax.random.key(0), D).w_x)
    for weight, bound in ((w[:, :H], math.sqrt(3 / D)), (w[:, H:], math.sqrt(1.5 / D))):
        assert np.abs(weight).max() <= bound and weight.std() == pytest.approx(bound / math.sqrt(3), rel=0.05)


def test_the_matrices_of_a_star_are_orthogonal():
    """0zgur0/STAR_Network."""
    params = cells.STAR(hidden_size=H).init(jax.random.key(0), D)
    for block in (params.w_x[:, :H], params.w_x[:, H:]):
        np.testing.assert_allclose(block @ block.T, np.eye(D), atol=1e-5)
    np.testing.assert_allclose(params.w_h @ params.w_h.T, np.eye(H), atol=1e-5)


def test_the_bias_of_a_lem_is_the_sum_of_two_draws():
    """tk-rusch/LEM has one beside the inputs and one beside the state."""
    b = np.asarray(cells.LEM(hidden_size=2000).init(jax.random.key(0), 1).b)
    assert b.std() == pytest.approx(math.sqrt(2 / 3 / 2000), rel=0.05)
    assert 2000**-0.5 < np.abs(b).max() <= 2 * 2000**-0.5


def gradient_over_a_picture(cell):
    """Returns ||dh_784 / dh_0||, the largest singular value, for pixels N(0, 1)."""
    params = cell.init(jax.random.key(0), 1)
    xs = jax.random.normal(jax.random.key(1), (784, 1))
    final = lambda h: unroll(cell, params, xs, LipschitzRNNCarry(h), executor="scan")[0].h
    return float(jnp.linalg.norm(jax.jit(jax.jacfwd(final))(jnp.zeros(cell.hidden_size)), ord=2))


def test_the_gradient_of_a_lipschitz_rnn_neither_grows_nor_fades_over_a_picture_at_its_start():
    """Entries of 1 / sqrt(H) in the place of 0.1 / H make it some hundreds at H = 32."""
    assert gradient_over_a_picture(cells.LipschitzRNN(hidden_size=32)) == pytest.approx(1.35, rel=0.1)
    assert gradient_over_a_picture(cells.LipschitzRNN(hidden_size=32, recurrent_init=Gaussian())) > 100
