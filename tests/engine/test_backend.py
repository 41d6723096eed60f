import jax
import pytest

from recurrax import Associative, Backend, Newton
from recurrax.engine.choice import BACKENDS


def test_a_backend_is_known_by_the_name_of_its_class():
    assert {name: type(backend).__name__ for name, backend in BACKENDS.items()} == {
        "scan": "Scan",
        "fused": "Fused",
        "associative": "Associative",
        "newton": "Newton",
    }


@pytest.mark.parametrize("backend", [*BACKENDS.values(), Associative(chunk=3), Newton(damping=0.5)], ids=str)
def test_backends_are_values_and_static_to_jax(backend):
    again = type(backend)(**vars(backend))
    assert again == backend and hash(again) == hash(backend) and repr(again) == repr(backend)
    assert jax.tree.leaves(backend) == []


def test_a_backend_has_to_say_how_it_executes():
    with pytest.raises(TypeError, match="abstract"):
        Backend()
