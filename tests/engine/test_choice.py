import jax
import jax.numpy as jnp
import pytest

from recurrax import LSTM, Associative, Checkpointed, Fused, Scan, Stack, explain, from_step, unroll
from recurrax.engine.choice import EXECUTORS, RULES, Facts
from recurrax.engine.make_run import make_run
from recurrax.engine.products import StepSize, step_size


def size(batch, width, *, gates, state=1, products=1, projects=True):
    return StepSize(products, projects, batch * gates * width, 2 * gates * width**2, batch * state * width)


LSTM_64x128, LSTM_128x64 = size(64, 128, gates=4, state=2), size(128, 64, gates=4, state=2)
RNN_128x64 = size(128, 64, gates=1)
LRU_32x128 = size(32, 128, gates=1, products=0)
NOTHING = StepSize(products=0, projects=False, projected=32, weights=100, state=32)


@pytest.mark.parametrize(
    ("facts", "executor"),
    [
        (Facts("cpu", 1, LSTM_64x128), Scan()),
        (Facts("cpu", 100, NOTHING), Scan()),
        (Facts("cpu", 40, LSTM_128x64), Scan()),
        (Facts("cpu", 4, LSTM_128x64), Fused()),
        (Facts("cpu", 100, LSTM_128x64), Fused(chunk=5)),
        (Facts("cpu", 100, size(128, 64, gates=3)), Scan()),
        (Facts("cpu", 4, LSTM_64x128), Fused()),
        (Facts("cpu", 128, LSTM_64x128), Fused(chunk=5)),
        (Facts("cpu", 128, size(128, 512, gates=4, state=2)), Fused(chunk=4)),
        (Facts("cpu", 100, RNN_128x64), Fused()),
        (Facts("cpu", 500, RNN_128x64), Fused(chunk=20)),
        (Facts("gpu", 128, LSTM_64x128), Fused()),
        (Facts("cpu", 128, LRU_32x128, linear=True), Fused()),
        (Facts("gpu", 4096, LRU_32x128, linear=True), Associative()),
        (Facts("gpu", 16, LRU_32x128, linear=True), Fused()),
        (Facts("gpu", 4096, LRU_32x128), Fused()),
    ],
)
def test_rules(facts, executor):
    assert next(rule for rule in RULES if rule.applies(facts)).executor(facts) == executor


def test_some_rule_applies_to_everything():
    assert RULES[-1].applies(Facts("tpu", 0, StepSize(0, False, 0, 0, 0)))


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
    found = step_size(make_run(cell, cell.init(jax.random.key(0), 2), jnp.ones((5, 4, 2))))
    assert found == StepSize(products=1, projects=True, projected=4 * 12, weights=12 * (2 + 3 + 1), state=4 * 6)


def test_facts_are_those_of_the_run():
    cell = LSTM(3)
    params = cell.init(jax.random.key(0), 2)
    assert explain(cell, params, jnp.ones((1, 4, 2))).reason == "a single step"
    assert explain(cell, params, jnp.ones((2, 4, 2))).executor == "fused"
    without_dot = from_step(
        lambda params, h, x: (h + x, h + x), lambda params, batch: jnp.zeros((*batch, 2)), output=last
    )
    assert "nothing to do at once" in explain(without_dot, None, jnp.ones((5, 4, 2))).reason


def last(params, h):
    return h


@pytest.mark.parametrize("cell", [LSTM(2), Stack((LSTM(2),))])
def test_what_is_advised_keeps_what_was_asked_for_around_it(cell):
    with pytest.raises(ValueError, match=r"executor=Checkpointed\(.*'associative', every=3\) cannot run LSTM") as error:
        unroll(cell, cell.init(jax.random.key(0), 3), jnp.ones((6, 3)), executor=Checkpointed("associative", every=3))
    assert "use executor=Checkpointed(executor='scan', every=3) or Checkpointed(executor='auto', every=3)" in str(
        error.value
    )
