"""Ctrl-C in the midst of a save; SIGTERM is tried on a training, in `train/test_session.py`."""

import signal
import threading

import pytest

from experiments.common.stopping import uninterrupted


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
