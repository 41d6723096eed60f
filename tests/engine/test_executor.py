import dataclasses

import jax
import jax.numpy as jnp
import pytest

from recurrax import RNN, Associative, Executor, Newton, Scan, explain, unroll
from recurrax.engine.choice import EXECUTORS


def test_an_executor_is_known_by_the_name_of_its_class():
    assert {name: type(executor).__name__ for name, executor in EXECUTORS.items()} == {
        "scan": "Scan",
        "fused": "Fused",
        "associative": "Associative",
        "newton": "Newton",
        "kernel": "Kernel",
        "checkpointed": "Checkpointed",
    }


@pytest.mark.parametrize("executor", [*EXECUTORS.values(), Associative(chunk=3), Newton(damping=0.5)], ids=str)
def test_executors_are_values_and_static_to_jax(executor):
    again = type(executor)(**vars(executor))
    assert again == executor and hash(again) == hash(executor) and repr(again) == repr(executor)
    assert jax.tree.leaves(executor) == []


def test_an_executor_has_to_say_how_it_executes():
    with pytest.raises(TypeError, match="abstract"):
        Executor()


@pytest.mark.parametrize(
    ("executor", "error", "message"),
    [
        ("fusd", ValueError, "executor must be one of 'auto', 'scan', .*got 'fusd'"),
        (Newton, TypeError, r"executor must be an instance, e.g. Newton\(\)"),
        (jnp.ones(3), TypeError, "executor must be a name or an instance"),
    ],
)
def test_what_is_no_executor_is_refused(executor, error, message):
    cell = RNN(3)
    with pytest.raises(error, match=message):
        unroll(cell, cell.init(jax.random.key(0), 2), jnp.ones((4, 2)), executor=executor)


def test_an_executor_that_compares_without_its_settings_is_refused():
    class Mine(type(EXECUTORS["scan"])):
        def __init__(self, setting):
            object.__setattr__(self, "setting", setting)

    cell = RNN(3)
    with pytest.raises(
        TypeError, match="executor must be a frozen dataclass .* Mine has attributes that are no fields: setting"
    ):
        unroll(cell, cell.init(jax.random.key(0), 2), jnp.ones((4, 2)), executor=Mine(1))


def test_an_executor_that_leaves_a_setting_out_of_the_comparison_is_refused():
    @dataclasses.dataclass(frozen=True)
    class Mine(Scan):
        setting: int = dataclasses.field(default=0, compare=False)

    cell = RNN(3)
    with pytest.raises(TypeError, match="Mine leaves setting out of the comparison"):
        unroll(cell, cell.init(jax.random.key(0), 2), jnp.ones((4, 2)), executor=Mine(1))


def test_explain_tells_who_cannot_run_it_and_what_is_kept_or_cut():
    cell = RNN(3)
    params, xs = cell.init(jax.random.key(0), 2), jnp.ones((100, 2))
    explanation = explain(cell, params, xs, executor="checkpointed", truncate_every=(5, 20))
    assert set(explanation.refused) == {"associative", "kernel"}
    assert (explanation.every, explanation.truncate_every) == (10, (5, 20))
    assert "every 10 steps" in str(explanation) and "over the last 20" in str(explanation)
