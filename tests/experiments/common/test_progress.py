import io

import pytest

from experiments.common import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_away_from_a_terminal_there_are_plain_lines(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    with progress.Meter("training", 100, "steps", stream) as meter:
        for now[0], done in ((1.0, 10), (7.0, 40), (14.0, 100)):
            meter.update(done)
        now[0] = 15.0
    lines = stream.getvalue().splitlines()
    assert lines[0] == "training: 40/100 steps, 5 steps/s, 12 s left"
    assert lines[-1] == "training: 100 steps in 15.0 s"
    assert "\x1b" not in stream.getvalue() and "\r" not in stream.getvalue()


def test_away_from_a_terminal_it_says_at_once_that_it_compiles_and_later_what_takes_long(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    with progress.Meter("trainings", 10, "trainings", stream) as meter:
        meter.doing("compiling")
        for now[0], done in ((20.0, 1), (26.0, 1), (40.0, 2)):
            meter.update(done)
        now[0] = 60.0
        meter.doing("measuring gradients")
        now[0] = 61.0
        meter.doing("evaluating")
    lines = stream.getvalue().splitlines()
    assert lines[0] == "trainings: 0/10 trainings, compiling"
    assert lines[2] == "trainings: 1/10 trainings"  # of the first nothing can be told
    assert lines[3] == "trainings: 2/10 trainings, 20.0 s each, 3 min left"
    # What is done between counts: one training in forty seconds.
    assert lines[4] == "trainings: 2/10 trainings, measuring gradients, 40.0 s each, 5 min left"
    assert lines[5:] == ["trainings: 2 of 10 trainings in 61.0 s"]


def test_on_a_terminal_there_is_a_bar():
    stream = Terminal()
    with progress.Meter("training", 3, "steps", stream) as meter:
        meter.doing("compiling")
        meter.update(3)
    assert "\x1b" in stream.getvalue()


def test_what_ends_before_its_time_says_how_far_it_came():
    stream = io.StringIO()
    with progress.Meter("training", 10, "steps", stream) as meter:
        meter.update(4)
    assert stream.getvalue().startswith("training: 4 of 10 steps in ")


def test_an_error_within_leaves_no_claim_of_success():
    stream = io.StringIO()
    with pytest.raises(RuntimeError), progress.Meter("training", 3, "steps", stream) as meter:
        meter.update(1)
        raise RuntimeError
    assert stream.getvalue() == ""
