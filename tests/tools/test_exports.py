"""What the packages export, and that their `__init__` files say so."""

import subprocess
import sys
from pathlib import Path

import pytest

import recurrax
from tools import exports

PACKAGES = pytest.mark.parametrize("package", exports.PACKAGES, ids=lambda package: package.__name__)


@PACKAGES
def test_the_init_file_is_up_to_date(package):
    written = Path(package.__file__).read_text(encoding="utf-8")
    assert written == exports.source(package), f"{package.__name__} is out of date: run `make exports`."


@PACKAGES
def test_every_name_is_there_and_listed(package):
    for name in package.__all__:
        assert getattr(package, name).__name__ == name and getattr(package, name).__doc__
    assert set(package.__all__) <= set(dir(package))
    assert len(set(package.__all__)) == len(package.__all__)


@PACKAGES
def test_an_unknown_name_is_answered_with_what_was_meant(package):
    name = package.__all__[-1].lower()
    with pytest.raises(AttributeError, match=rf"{package.__name__}' has no attribute '{name}s'. Did you mean"):
        getattr(package, name + "s")


def test_units_are_imported_from_their_packages():
    from recurrax.cells import LRU, PeepholeLSTM, Timed
    from recurrax.interop import from_torch
    from recurrax.tasks import Adding
    from recurrax.training import clip_by_value
    from recurrax.wrappers import Wrapper, Zoneout

    assert {"lru", "peephole_lstm", "timed"} == {cls.__module__.split(".")[-1] for cls in (LRU, PeepholeLSTM, Timed)}
    assert issubclass(Zoneout, Wrapper) and callable(from_torch) and callable(clip_by_value) and Adding(50).length == 50


@pytest.mark.parametrize(
    "name", ["Scan", "Fused", "Associative", "Newton", "Kernel", "Checkpointed", "dot", "make_cell", "make_task"]
)
def test_executors_dot_and_the_look_up_come_from_the_library_itself(name):
    assert name in recurrax.__all__ and callable(getattr(recurrax, name))


def test_a_cell_is_imported_only_once_it_is_asked_for():
    code = (
        "import sys, recurrax; before = 'recurrax.cells.lru' in sys.modules; from recurrax.cells import LRU; "
        "print(before, 'recurrax.cells.lru' in sys.modules, 'recurrax.cells.s5' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.stdout.split() == ["False", "True", "False"], done.stderr
