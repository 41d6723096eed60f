import jax
import jax.numpy as jnp
import pytest

from recurrax import LSTM, Checkpointed, Stack, explain, from_step, unroll
from recurrax.engine.choice import EXECUTORS, RULES, Facts
from recurrax.engine.make_run import make_run
from recurrax.engine.products import StepSize, step_size

LSTM_64x128 = StepSize(products=1, projects=True, projected=64 * 4 * 128, weights=2 * 4 * 128**2)
RNN_64x128 = StepSize(products=1, projects=True, projected=64 * 128, weights=2 * 128**2)
LSTM_32x512 = StepSize(products=1, projects=True, projected=32 * 4 * 512, weights=2 * 4 * 512**2)
LRU_32x128 = StepSize(products=0, projects=True, projected=32 * 128, weights=128**2)
NOTHING = StepSize(products=0, projects=False, projected=32, weights=100)


@pytest.mark.parametrize(
    ("facts", "executor"),
    [
        (Facts("cpu", 1, LSTM_64x128), "scan"),
        (Facts("cpu", 100, NOTHING), "scan"),
        (Facts("cpu", 128, LSTM_64x128), "scan"),
        (Facts("cpu", 50, LSTM_64x128), "fused"),
        (Facts("cpu", 128, RNN_64x128), "fused"),
        (Facts("cpu", 512, LSTM_32x512), "fused"),
        (Facts("gpu", 128, LSTM_64x128), "fused"),
        (Facts("cpu", 128, LRU_32x128, linear=True), "fused"),
        (Facts("gpu", 4096, LRU_32x128, linear=True), "associative"),
        (Facts("gpu", 16, LRU_32x128, linear=True), "fused"),
        (Facts("gpu", 4096, LRU_32x128), "fused"),
    ],
)
def test_rules(facts, executor):
    assert next(rule for rule in RULES if rule.applies(facts)).executor.name == executor


def test_some_rule_applies_to_everything():
    assert all(rule.executor in EXECUTORS.values() for rule in RULES)
    assert RULES[-1].applies(Facts("tpu", 0, StepSize(0, False, 0, 0)))


def test_an_executor_is_a_name_or_an_instance():
    cell = LSTM(3)
    params = cell.init(jax.random.key(0), 2)
    for executor in EXECUTORS.values():
        if executor.name != "associative":  # refuses an LSTM
            named, given = (explain(cell, params, jnp.ones((5, 2)), executor=b) for b in (executor.name, executor))
            assert named == given
    with pytest.raises(ValueError, match="executor must be one of 'auto', 'scan', 'fused', .*, got 'fast'"):
        unroll(cell, params, jnp.ones((5, 2)), executor="fast")


def test_the_size_of_a_step():
    cell = LSTM(3)
    size = explain_size(cell, jnp.ones((5, 4, 2)))
    assert size == StepSize(products=1, projects=True, projected=4 * 12, weights=12 * (2 + 3 + 1))


def test_facts_are_those_of_the_run():
    cell = LSTM(3)
    params = cell.init(jax.random.key(0), 2)
    assert explain(cell, params, jnp.ones((1, 4, 2))).reason == "a single step"
    assert explain(cell, params, jnp.ones((2, 4, 2))).executor == "fused"
    without_dot = from_step(
        lambda params, h, x: (h + x, h + x), lambda params, batch: jnp.zeros((*batch, 2)), output=last
    )
    assert "nothing to do at once" in explain(without_dot, None, jnp.ones((5, 4, 2))).reason


def explain_size(cell, xs):
    params = cell.init(jax.random.key(0), xs.shape[-1])
    return step_size(make_run(cell, params, xs))


def last(params, h):
    return h


@pytest.mark.parametrize("cell", [LSTM(2), Stack((LSTM(2),))])
def test_what_is_advised_keeps_what_was_asked_for_around_it(cell):
    with pytest.raises(ValueError, match=r"executor=Checkpointed\(.*'associative', every=3\) cannot run LSTM") as error:
        unroll(cell, cell.init(jax.random.key(0), 3), jnp.ones((6, 3)), executor=Checkpointed("associative", every=3))
    assert "use executor=Checkpointed(executor='scan', every=3) or Checkpointed(executor='auto', every=3)" in str(
        error.value
    )
