import jax
import jax.numpy as jnp
import pytest

from recurrax import RNN, Associative, Backend, Newton, explain, unroll
from recurrax.engine.choice import BACKENDS


def test_a_backend_is_known_by_the_name_of_its_class():
    assert {name: type(backend).__name__ for name, backend in BACKENDS.items()} == {
        "scan": "Scan",
        "fused": "Fused",
        "associative": "Associative",
        "newton": "Newton",
        "kernel": "Kernel",
    }


@pytest.mark.parametrize("backend", [*BACKENDS.values(), Associative(chunk=3), Newton(damping=0.5)], ids=str)
def test_backends_are_values_and_static_to_jax(backend):
    again = type(backend)(**vars(backend))
    assert again == backend and hash(again) == hash(backend) and repr(again) == repr(backend)
    assert jax.tree.leaves(backend) == []


def test_a_backend_has_to_say_how_it_executes():
    with pytest.raises(TypeError, match="abstract"):
        Backend()


@pytest.mark.parametrize(
    ("backend", "error", "message"),
    [
        ("fusd", ValueError, "backend must be one of 'auto', 'scan', .*got 'fusd'"),
        (Newton, TypeError, r"backend must be an instance, e.g. Newton\(\)"),
        (jnp.ones(3), TypeError, "backend must be a name or an instance"),
    ],
)
def test_what_is_no_backend_is_refused(backend, error, message):
    cell = RNN(3)
    with pytest.raises(error, match=message):
        unroll(cell, cell.init(jax.random.key(0), 2), jnp.ones((4, 2)), backend=backend)


def test_a_backend_that_compares_without_its_settings_is_refused():
    class Mine(type(BACKENDS["scan"])):
        def __init__(self, setting):
            object.__setattr__(self, "setting", setting)

    cell = RNN(3)
    with pytest.raises(TypeError, match="frozen dataclass, .*Mine"):
        unroll(cell, cell.init(jax.random.key(0), 2), jnp.ones((4, 2)), backend=Mine(1))


def test_explain_tells_who_cannot_run_it_and_what_is_kept_or_cut():
    cell = RNN(3)
    params, xs = cell.init(jax.random.key(0), 2), jnp.ones((100, 2))
    explanation = explain(cell, params, xs, checkpoint_every="sqrt", truncate_every=(5, 20))
    assert set(explanation.refused) == {"associative", "kernel"}
    assert (explanation.checkpoint_every, explanation.truncate_every) == (10, (5, 20))
    assert "every 10 steps" in str(explanation) and "over the last 20" in str(explanation)
