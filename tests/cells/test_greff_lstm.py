import jax
import jax.numpy as jnp
import numpy as np

from recurrax import LSTM, unroll
from recurrax.cells.greff_lstm import GreffLSTM
from recurrax.cells.lstm import LSTMParams
from recurrax.initializers import Chrono
from tests.oracles import sigmoid

VARIANTS = [
    GreffLSTM(hidden_size=4),
    *(GreffLSTM(hidden_size=4, variant=v) for v in ("NIG", "NFG", "NOG", "NIAF", "NOAF", "FGR")),
    GreffLSTM(hidden_size=4, variant="NOG", forget_bias=0.0, use_bias=False),
]
MATRICES = {"NIG": "fgo", "CIFG": "fgo", "NFG": "igo", "NOG": "ifg"}


def everything(cell, params, carry, x):
    """Greff et al. (2017), section II and appendix 2: i, f, g, o and the new cell state."""
    names = MATRICES.get(cell.variant, "ifgo")
    b = 0 if params.b is None else params.b
    a = dict(zip(names, np.split(x @ params.w_x + carry.h @ params.w_h + b, len(names)), strict=True))
    p = dict(zip([n for n in names if n != "g"], params.p, strict=True))
    if cell.variant == "FGR":
        r = np.concatenate([carry.i, carry.f, carry.o]) @ params.w_g
        a |= {n: a[n] + part for n, part in zip("ifo", np.split(r, 3), strict=True)}
    g = a["g"] if cell.variant == "NIAF" else np.tanh(a["g"])
    one = np.ones(cell.hidden_size)
    f = one if cell.variant == "NFG" else sigmoid(a["f"] + p["f"] * carry.c)
    i = {"NIG": one, "CIFG": 1 - f}.get(cell.variant)
    i = sigmoid(a["i"] + p["i"] * carry.c) if i is None else i
    c = g * i + carry.c * f
    o = one if cell.variant == "NOG" else sigmoid(a["o"] + p["o"] * c)
    return {"i": i, "f": f, "g": g, "o": o}, c


def oracle_gates(cell, params, carry, x):
    """Those that are gates of their own."""
    gates, _ = everything(cell, params, carry, x)
    return {n: gates[n] for n in ("ifo" if cell.variant == "NIAF" else MATRICES.get(cell.variant, "ifgo"))}


def oracle_step(cell, params, carry, x):
    """h_t = h(c_t) o, h the identity for NOAF."""
    gates, c = everything(cell, params, carry, x)
    h = (c if cell.variant == "NOAF" else np.tanh(c)) * gates["o"]
    if cell.variant == "FGR":
        return type(carry)(h, c, gates["i"], gates["f"], gates["o"]), h
    return type(carry)(h, c), h


def test_without_an_output_activation_and_peepholes_it_is_an_lstm_that_does_not_squash(x64):
    cell = GreffLSTM(hidden_size=4, variant="NOAF")
    params = cell.init(jax.random.key(0), 3)
    params = params._replace(p=jnp.zeros_like(params.p))
    xs = 1e-4 * jax.random.normal(jax.random.key(1), (9, 2, 3))
    plain = unroll(LSTM(hidden_size=4), LSTMParams(params.w_x, params.w_h, params.b), xs)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-9), unroll(cell, params, xs), plain)


def test_the_forget_bias_is_that_of_the_forget_gate_alone():
    params = GreffLSTM(hidden_size=3, forget_bias=2.0).init(jax.random.key(0), 2)
    np.testing.assert_array_equal(params.b, [2] * 3 + [0] * 6)
    params = GreffLSTM(hidden_size=3, variant="NFG").init(jax.random.key(0), 2)
    assert not params.b.any() and params.w_x.shape == (2, 9) and params.p.shape == (2, 3)
    both = GreffLSTM(hidden_size=3, variant="NOG", forget_bias=Chrono(9.0)).init(jax.random.key(0), 2).b
    np.testing.assert_allclose(both[:3], -both[3:6])
