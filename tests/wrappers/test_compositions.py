"""Wrappers around cells whose inputs or states are unlike those of an LSTM: timed, spatial, complex, counted."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import LSTM, unroll
from recurrax._util.float_leaves import float_leaves
from recurrax.cells._base.timed import Timed
from recurrax.cells.cfc import CfC
from recurrax.cells.clockwork_rnn import ClockworkRNN
from recurrax.cells.conv_lstm import ConvLSTM
from recurrax.cells.ltc import LTC
from recurrax.cells.s5 import S5
from recurrax.cells.unitary_rnn import UnitaryRNN
from recurrax.wrappers.attention import Attention
from recurrax.wrappers.dilated import Dilated
from recurrax.wrappers.dropout import Dropout, VariationalDropout
from recurrax.wrappers.ensemble import Ensemble, EnsembleParams
from recurrax.wrappers.highway import Highway
from recurrax.wrappers.layer_norm import LayerNorm
from recurrax.wrappers.learned_carry import LearnedCarry
from recurrax.wrappers.recurrent_gradient import RecurrentGradient
from recurrax.wrappers.residual import Residual
from recurrax.wrappers.stack import Stack
from recurrax.wrappers.weight_drop import WeightDrop
from recurrax.wrappers.zoneout import Zoneout
from tests.cells.cases import close

SIZE = 4
REFUSED = {
    ("conv", "attention"): r"cell must have a state with a real field h of shape \[\*B, H\]",
    ("s5", "attention"): r"cell must have a state with a real field h of shape \[\*B, H\]",
    ("unitary", "attention"): r"cell must have a state with a real field h of shape \[\*B, H\]",
    ("unitary", "highway"): "input_size must be the cell's output size for a shortcut, got 4",
    ("unitary", "residual"): "input_size must be the cell's output size for a shortcut, got 4",
}
CELLS = {
    "cfc": CfC(SIZE, backbone_size=5),
    "ltc": LTC(SIZE),
    "conv": ConvLSTM(hidden_size=SIZE, spatial_shape=(3,)),
    "s5": S5(SIZE),
    "clockwork": ClockworkRNN(SIZE, periods=(1, 2)),
    "unitary": UnitaryRNN(SIZE),
}
FIELDS = {S5: "w_x_re", UnitaryRNN: "w_x_re"}
WRAPPERS = {
    "attention": lambda cell: Attention(cell, window=2),
    "dilated": Dilated,
    "dropout": Dropout,
    "ensemble": lambda cell: Ensemble(cell, size=2),
    "highway": Highway,
    "norm_in": lambda cell: LayerNorm(cell, where="input"),
    "norm_out": LayerNorm,
    "learned": LearnedCarry,
    "gradient": lambda cell: RecurrentGradient(cell, scale=0.9),
    "residual": Residual,
    "stack": lambda cell: Stack((cell, Ensemble(cell, size=1))),
    "variational": VariationalDropout,
    "weight_drop": lambda cell: WeightDrop(cell, fields=(FIELDS.get(type(cell), "w_x"),)),
    "zoneout": Zoneout,
}


def inputs(name, batch=(2,), length=5, dtype=None):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(length, *batch, *((3,) if name == "conv" else ()), SIZE)), dtype)
    return Timed(x, jnp.asarray(rng.uniform(0.5, 2.0, size=(length, *batch)), dtype)) if name in ("cfc", "ltc") else x


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name != "cfc")) for name in CELLS])
def test_the_composition_runs_and_has_finite_gradients_with_and_without_a_key(name, wrapper):
    cell, xs = WRAPPERS[wrapper](CELLS[name]), inputs(name)
    if (name, wrapper) in REFUSED:
        with pytest.raises(ValueError, match=REFUSED[name, wrapper]):
            cell.init(jax.random.key(0), SIZE)
        return

    @jax.jit
    def gradients(params, key):
        def loss(params, key):
            carry, ys = unroll(cell, params, xs, key=key)
            return jnp.mean(ys**2) + sum(jnp.sum(jnp.abs(leaf)) for leaf in float_leaves(carry))

        return [jax.value_and_grad(loss)(params, k) for k in (None, key)]

    for value, gradient in gradients(cell.init(jax.random.key(0), SIZE), jax.random.key(1)):
        assert np.isfinite(value) and all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


def test_every_layer_that_takes_a_time_step_gets_that_of_the_input(x64):
    """Layer by layer is the same as step by step, and as one run after the other."""
    stack = Stack((CfC(SIZE, backbone_size=5), LayerNorm(LSTM(3)), LTC(2)))
    params, xs = stack.init(jax.random.key(0), SIZE), inputs("cfc")
    layered = unroll(stack, params, xs)
    stepwise = unroll(Ensemble(stack, size=1), EnsembleParams(jax.tree.map(lambda a: a[None], params)), xs)
    _, ys = unroll(stack.layers[0], params[0], xs)
    _, ys = unroll(stack.layers[1], params[1], ys)
    carry, ys = unroll(stack.layers[2], params[2], xs._replace(x=ys))
    close((layered[0][2], layered[1]), (carry, ys), rtol=1e-12)
    close((stepwise[0].members[0][2], stepwise[1]), (carry, ys), rtol=1e-12)


@pytest.mark.parametrize("wrapper", ["dropout", "variational", "norm_in"])
def test_what_changes_the_features_leaves_the_time_step(wrapper):
    cell, xs = WRAPPERS[wrapper](CELLS["cfc"]), inputs("cfc")
    params = cell.init(jax.random.key(0), SIZE)
    weights = cell.prepare(params, key=jax.random.key(1), batch_shape=(2,))
    z = cell.project(weights, jax.tree.map(lambda a: a[0], xs), jax.random.key(2))
    np.testing.assert_array_equal(z.time_step, xs.time_step[0])


def test_a_shortcut_adds_the_features():
    cell, xs = Residual(CELLS["cfc"]), inputs("cfc")
    params = cell.init(jax.random.key(0), SIZE)
    np.testing.assert_allclose(unroll(cell, params, xs)[1], unroll(cell.cell, params, xs)[1] + xs.x, rtol=1e-6)
