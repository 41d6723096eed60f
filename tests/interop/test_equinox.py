"""Equinox' weights, with Equinox itself where it is installed."""

import jax
import jax.numpy as jnp
import pytest

from recurrax import LSTM
from recurrax.interop.equinox import from_equinox, to_equinox
from tests.interop.examples import AFTER, SIZE, WIDTH, close, inputs, ours, random_params


def test_a_bias_that_is_missing_is_named():
    fields = to_equinox(AFTER, random_params(AFTER))
    del fields["bias_n"]
    with pytest.raises(ValueError, match="fields lacks 'bias_n'"):
        from_equinox(AFTER, fields)


@pytest.mark.peers
@pytest.mark.usefixtures("standard_promotion")
@pytest.mark.parametrize("cell", [LSTM(WIDTH), AFTER], ids=repr)
def test_the_same_outputs_with_weights_of_either(x64, cell):
    import equinox as eqx

    kind = eqx.nn.LSTMCell if isinstance(cell, LSTM) else eqx.nn.GRUCell
    module = kind(SIZE, WIDTH, dtype=jnp.float64, key=jax.random.key(0))
    names = ["weight_ih", "weight_hh", "bias", *(["bias_n"] if cell is AFTER else [])]

    def run(module):
        def one(xs):
            zeros = jnp.zeros(WIDTH)

            def step(state, x):
                state = module(x, state)
                return state, state[0] if isinstance(cell, LSTM) else state

            return jax.lax.scan(step, (zeros, zeros) if isinstance(cell, LSTM) else zeros, xs)[1]

        return jax.vmap(one, 1, 1)(jnp.asarray(inputs()))

    given = from_equinox(cell, {name: getattr(module, name) for name in names})
    close(run(module), ours(cell, given))
    params = random_params(cell)
    fields = to_equinox(cell, params)
    module = eqx.tree_at(lambda m: [getattr(m, n) for n in names], module, [jnp.asarray(fields[n]) for n in names])
    close(run(module), ours(cell, params))
