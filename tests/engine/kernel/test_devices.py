"""One file knows the devices; the first implementation that is available is taken."""

import dataclasses
import pathlib

import pytest

import recurrax.engine.kernel
from recurrax import LSTM
from recurrax.engine.kernel import devices
from recurrax.engine.kernel.executor import Kernel
from recurrax.engine.kernel.hopper.implementation import Hopper
from recurrax.engine.kernel.reference import Reference
from tests.engine.kernel.problems import problem

ROOM = pathlib.Path(recurrax.engine.kernel.__file__).parent


@dataclasses.dataclass(frozen=True)
class Broken(Reference):
    """Belongs to a device that is not there."""

    def unavailable(self):
        return "it is broken"


def test_the_first_that_is_available_is_taken(monkeypatch):
    monkeypatch.setattr(devices, "IMPLEMENTATIONS", (Broken(), Reference(2, 2), Reference()))
    assert devices.implementation_here() == Reference(2, 2)
    assert Kernel().refusal(problem(LSTM(3), Reference())[2]) is None


def test_where_there_is_none_the_first_says_why(monkeypatch):
    monkeypatch.setattr(devices, "IMPLEMENTATIONS", (Broken(), Broken()))
    assert Kernel().refusal(problem(LSTM(3), Reference())[2]) == "it is broken"


def test_hopper_is_among_them():
    assert Hopper() in devices.IMPLEMENTATIONS


@pytest.mark.parametrize(
    "path", [p for p in [*ROOM.glob("*.py"), *ROOM.glob("cut/*.py")] if p.name not in ("devices.py", "__init__.py")]
)
def test_no_other_file_knows_a_device(path):
    text = path.read_text()
    assert "hopper" not in text and "pallas" not in text and "mosaic" not in text.lower()
