import io

import pytest

from experiments.common import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_away_from_a_terminal_there_are_plain_lines(monkeypatch):
    clock = iter([0.0, 1.0, 7.0, 14.0, 15.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    stream = io.StringIO()
    with progress.Meter("training", 100, "steps", stream) as meter:
        meter.update(10)
        meter.update(40)
        meter.update(100)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "training: 40/100 steps, 5 steps/s, 12 s left"
    assert lines[-1] == "training: 100 steps in 15.0 s"
    assert "\x1b" not in stream.getvalue() and "\r" not in stream.getvalue()


def test_on_a_terminal_there_is_a_bar():
    stream = Terminal()
    with progress.Meter("training", 3, "steps", stream) as meter:
        meter.update(3)
    assert "\x1b" in stream.getvalue()


def test_an_error_within_leaves_no_claim_of_success():
    stream = io.StringIO()
    with pytest.raises(RuntimeError), progress.Meter("training", 3, "steps", stream) as meter:
        meter.update(1)
        raise RuntimeError
    assert stream.getvalue() == ""
