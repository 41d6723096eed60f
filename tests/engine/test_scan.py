import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import LSTM, RNN, unroll
from recurrax.engine.make_run import make_run
from recurrax.engine.run import Inputs, emit, project, transition
from recurrax.engine.scan import Scan
from recurrax.initializers import Zeros


@pytest.mark.parametrize("reverse", [False, True])
def test_scan_is_the_loop_over_project_transition_and_emit(x64, reverse):
    cell = LSTM(hidden_size=3)
    params = cell.init(jax.random.key(0), 2)
    xs = jax.random.normal(jax.random.key(1), (5, 2, 2))
    mask, resets = np.arange(10).reshape(5, 2) % 3 > 0, np.arange(10).reshape(5, 2) % 4 == 1
    run = make_run(cell, params, xs, mask=jnp.asarray(mask), resets=jnp.asarray(resets))
    carry, ys = run.carry, [None] * 5
    for t in reversed(range(5)) if reverse else range(5):
        inputs = jax.tree.map(lambda a, t=t: a[t], run.inputs)
        z = project(run, inputs)
        carry = transition(run, carry, z, inputs)
        ys[t] = emit(run, carry, z, inputs)
    final, outputs = Scan()(run.replace(reverse=reverse))
    np.testing.assert_allclose(outputs, jnp.stack(ys), rtol=1e-12, atol=1e-15)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15), final, carry)


def test_scan_takes_inputs_that_are_a_pytree_with_nothing_beside_them():
    cell = LSTM(hidden_size=3)
    run = make_run(cell, cell.init(jax.random.key(0), 2), jnp.ones((4, 2)))
    assert run.inputs == Inputs(run.inputs.x, None, None, None)
    assert Scan()(run)[1].shape == (4, 3)


def test_gradients_in_half_precision_are_summed_up_in_float32():
    """A bias that every step adds to its output: its gradient is the number of steps, which bfloat16 ends at 256."""
    cell = RNN(3, activation="identity", recurrent_init=Zeros())
    for dtype in (jnp.bfloat16, jnp.float16):
        params = jax.tree.map(lambda a: a.astype(dtype), cell.init(jax.random.key(0), 2))
        xs = jnp.zeros((4096, 1, 2), dtype)

        def total(params):
            return jnp.sum(unroll(cell, params, xs, executor="scan")[1].astype(jnp.float32))

        np.testing.assert_array_equal(jax.grad(total)(params).b, 4096)
