"""A traced step as instructions on registers: what moves costs nothing, what computes is written down once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax.engine.kernel.cut.evaluation import NotElementwiseError
from recurrax.engine.kernel.cut.registers import EVERY_UNIT, Instruction, Translator, needed

UNITS = 3


def translated(function, *arguments):
    """The translator after a function of arrays, and what it returned."""
    translator = Translator(UNITS)
    values, sources = translator.arguments([jax.ShapeDtypeStruct(a.shape, a.dtype) for a in arguments])
    return translator, translator.translate(jax.make_jaxpr(function)(*arguments), values), sources


def test_an_array_fills_one_register_per_number_of_a_unit():
    _, (out,), sources = translated(lambda x: x, jnp.ones(2 * UNITS))
    assert [list(source.positions) for source in sources.values()] == [[0, 1, 2], [3, 4, 5]]
    np.testing.assert_array_equal(out.unit, [0, 1, 2, 0, 1, 2])
    assert len(set(out.register[:3])) == len(set(out.register[3:])) == 1


def test_a_single_number_belongs_to_every_unit():
    _, (out,), _ = translated(lambda x: x, jnp.ones(1))
    assert out.unit[0] == EVERY_UNIT


def test_moving_numbers_takes_no_instruction():
    def moves(x):
        a, b = jnp.split(x, 2)
        return jnp.concatenate([b, a])

    translator, (out,), sources = translated(moves, jnp.ones(2 * UNITS))
    first, second = sources
    assert translator.instructions == []
    assert translator.registers(out, "it") == [second, first]


def test_registers_that_meet_make_one_instruction():
    translator, (out,), sources = translated(lambda x: jnp.tanh(x[:UNITS]) * x[UNITS:], jnp.ones(2 * UNITS))
    first, second = sources
    tanh, times = translator.instructions
    assert tanh.inputs == (first,) and times.inputs == (*tanh.outputs, second)
    assert translator.registers(out, "it") == list(times.outputs)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda x: jnp.sum(x[:UNITS]) + x, "mixes units by 'reduce_sum'"),
        (lambda x: x[:UNITS] + jnp.flip(x[UNITS:]), "brings different units together"),
        (lambda x: jax.lax.stop_gradient(x), "'stop_gradient', which exists for its derivative alone"),
    ],
)
def test_what_mixes_units_is_refused_with_the_reason(function, reason):
    with pytest.raises(NotElementwiseError, match=reason):
        translated(function, jnp.ones(2 * UNITS))


def test_results_in_another_order_are_refused():
    translator, (out,), _ = translated(jnp.flip, jnp.ones(UNITS))
    with pytest.raises(NotElementwiseError, match="its carry has units of another order"):
        translator.registers(out, "its carry")


def test_only_what_a_result_rests_on_is_needed():
    one, two, three = (Instruction(lambda x: [x], (n,), (n + 1,)) for n in (0, 1, 0))
    other = three._replace(outputs=(9,))
    assert needed((one, other, two), (2,)) == [one, two]
    assert needed((one, other, two), (9,)) == [other]


def test_what_rests_on_weights_alone_is_computed_before_the_loop():
    translator = Translator(UNITS)
    weights = translator.weights([jax.ShapeDtypeStruct((UNITS,), jnp.float32)])
    values, _ = translator.arguments([jax.ShapeDtypeStruct((UNITS,), jnp.float32)])
    closed = jax.make_jaxpr(lambda w, x: jnp.exp(w) * x)(jnp.ones(UNITS), jnp.ones(UNITS))
    translator.translate(closed, [*weights, *values])
    assert len(translator.instructions) == 1
    constants = translator.constants([known.name for known in weights])
    np.testing.assert_allclose(constants([jnp.arange(3.0)])[0], np.exp(np.arange(3.0)), rtol=1e-6)
