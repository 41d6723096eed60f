import jax
import jax.numpy as jnp
import numpy as np

from recurrax import LSTM
from recurrax.engine.make_run import make_run
from recurrax.engine.overflow import select
from recurrax.engine.run import Inputs, emit, project, restored, transition

CELL = LSTM(hidden_size=3)
PARAMS = CELL.init(jax.random.key(0), 2)


RUN = make_run(CELL, PARAMS, jnp.ones((3, 2, 2)))


def run_from(value):
    """Returns a run whose resets restore a state of this value."""
    return RUN.replace(initial=state(value))


def state(value, batch=(2,)):
    return jax.tree.map(lambda a: jnp.full_like(a, value), CELL.initial_carry(PARAMS, batch))


def one_step(mask=None, reset=None):
    return Inputs(jnp.ones((2, 2)), mask, reset, None)


def test_select_works_over_leading_axes_and_keeps_nan_out():
    chosen = select(jnp.array([True, False]), jnp.ones((2, 3)), jnp.full((2, 3), jnp.nan))
    assert (chosen[0] == 1).all() and jnp.isnan(chosen[1]).all()
    gradient = jax.grad(lambda no: select(jnp.array([True, False]), jnp.ones((2, 3)), no).sum())(jnp.ones((2, 3)))
    np.testing.assert_array_equal(gradient, [[0, 0, 0], [1, 1, 1]])


def test_a_step_starts_from_the_initial_carry_where_a_reset_is_due_and_there_only():
    start = restored(run_from(5.0), state(1.0), one_step(reset=jnp.array([True, False])))
    np.testing.assert_array_equal(start.c[:, 0], [5, 1])
    assert restored(run_from(5.0), state(1.0), one_step()).c[0, 0] == 1


def test_the_carry_that_came_is_held_under_the_mask_and_not_the_one_restored():
    inputs = one_step(mask=jnp.array([False, True]), reset=jnp.array([True, True]))
    z = project(RUN, inputs)
    new = transition(run_from(5.0), state(1.0), z, inputs)
    np.testing.assert_array_equal(new.c[0], state(1.0).c[0])
    stepped = CELL.step(PARAMS, state(5.0), z)
    np.testing.assert_allclose(new.c[1], stepped.c[1], rtol=1e-6)


def test_the_output_is_zero_under_the_mask():
    inputs = one_step(mask=jnp.array([False, True]))
    y = emit(RUN, state(jnp.nan), project(RUN, inputs), inputs)
    assert not y[0].any() and jnp.isnan(y[1]).all()


def test_a_run_passes_through_jit_and_equal_cells_share_a_program():
    traced = []

    @jax.jit
    def total(run):
        traced.append(run)
        return run.inputs.x.sum()

    for cell in (CELL, LSTM(hidden_size=3)):
        assert total(make_run(cell, PARAMS, jnp.ones((3, 2, 2)))) == 12
    assert len(traced) == 1 and traced[0].cell == CELL
    total(make_run(LSTM(hidden_size=3, forget_bias=2.0), PARAMS, jnp.ones((3, 2, 2))))
    total(make_run(CELL, PARAMS, jnp.ones((3, 2, 2)), reverse=True))
    assert len(traced) == 3


def test_a_run_in_processing_order_has_its_inputs_turned():
    xs = jnp.arange(6.0).reshape(3, 1, 2)
    run = make_run(CELL, PARAMS, xs, reverse=True)
    forwards = run.forwards()
    np.testing.assert_array_equal(forwards.inputs.x, xs[::-1])
    assert not forwards.reverse and forwards.forwards().inputs.x[0, 0, 0] == 4
