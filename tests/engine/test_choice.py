import jax
import jax.numpy as jnp
import pytest

from recurrax import LSTM, explain, from_step
from recurrax.engine.choice import BACKENDS, RULES, Facts


@pytest.mark.parametrize(
    ("facts", "backend"),
    [
        (Facts("cpu", steps=1, batch=32, products=1, projected=1), "scan"),
        (Facts("cpu", steps=100, batch=32, products=0, projected=1), "scan"),
        (Facts("cpu", steps=100, batch=16, products=2, projected=4), "fused"),
        (Facts("cpu", steps=100, batch=32, products=1, projected=4), "scan"),
        (Facts("cpu", steps=100, batch=64, products=1, projected=3), "fused"),
        (Facts("cpu", steps=100, batch=128, products=1, projected=1), "scan"),
        (Facts("gpu", steps=100, batch=128, products=1, projected=4), "fused"),
    ],
)
def test_rules(facts, backend):
    assert next(rule for rule in RULES if rule.applies(facts)).backend == backend


def test_some_rule_applies_to_everything():
    assert all(rule.backend in BACKENDS for rule in RULES)
    assert RULES[-1].applies(Facts("tpu", steps=0, batch=0, products=0, projected=0))


def test_facts_are_those_of_the_run():
    cell = LSTM(3)
    params = cell.init(jax.random.key(0), 2)
    assert explain(cell, params, jnp.ones((1, 4, 2))).reason == "a single step"
    assert explain(cell, params, jnp.ones((2, 4, 2))).backend == "fused"
    without_dot = from_step(
        lambda params, h, x: (h + x, h + x), lambda params, batch: jnp.zeros((*batch, 2)), output=last
    )
    assert "nothing to defer" in explain(without_dot, None, jnp.ones((5, 4, 2))).reason


def last(params, h):
    return h
