"""Ctrl-C in the midst of a save, and signals; these are tried on a training as well, in `train/test_session.py`."""

import signal
import threading
import time

import pytest

from experiments.common.stopping import HUNG_UP, TERMINATED, Terminated, stopping, uninterrupted


@pytest.mark.usefixtures("hangs_up")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, TERMINATED), (signal.SIGHUP, HUNG_UP)])
def test_a_signal_asks_and_tells_its_exit_status(number, status):
    before = signal.getsignal(number)
    with stopping() as stop:
        stop.leave_if_asked()
        signal.raise_signal(number)
        while not stop.asked:
            time.sleep(0.01)
        with pytest.raises(Terminated) as left:
            stop.leave_if_asked()
    assert left.value.status == status == 128 + number and signal.getsignal(number) is before


def test_a_signal_that_is_ignored_stays_so():
    """As `nohup` has it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopping() as stop:
            signal.raise_signal(signal.SIGHUP)
            time.sleep(0.05)
            assert not stop.asked
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_ctrl_c_waits_until_the_block_is_over():
    done = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        signal.raise_signal(signal.SIGINT)
        done.append("the rest of the block")
    assert done == ["the rest of the block"]


def test_a_second_ctrl_c_comes_through_at_once():
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("the second one was held back as well")


def test_an_error_of_the_block_is_the_one_that_is_seen():
    with pytest.raises(OSError, match="full"), uninterrupted():
        signal.raise_signal(signal.SIGINT)
        raise OSError("the disk is full")


@pytest.mark.parametrize("thread", ["main", "other"])
def test_nothing_changes_without_ctrl_c(thread):
    before, done = signal.getsignal(signal.SIGINT), []

    def block():
        with uninterrupted():
            done.append(1)

    if thread == "main":
        block()
    else:
        other = threading.Thread(target=block)
        other.start()
        other.join()
    assert done and signal.getsignal(signal.SIGINT) is before
