import math

import pytest

from experiments.training.success import Confirmation, confirmation, is_solved, meets
from recurrax.tasks.adding import Adding
from recurrax.tasks.mnist_1d import MNIST1D

TASK = Adding(24)


@pytest.mark.parametrize(("asked", "given"), [(10_000, 10_000), (1, 1), (100, 100), (301, 302), (751, 752)])
def test_as_many_sequences_as_are_asked_for_come_in_batches_of_one_size(asked, given):
    found = confirmation(TASK, asked)
    assert found.sequences == given and found.size <= 250 and found.fresh


def test_none_are_drawn_where_none_are_asked_for_and_a_given_set_is_used_whole():
    assert confirmation(TASK, 0) is None
    found = confirmation(MNIST1D(), 10_000)
    assert found.sequences == MNIST1D().held_out_size == len(MNIST1D().split.test.classes) and not found.fresh
    assert confirmation(MNIST1D(), 30).sequences == 30
    assert [found.number(500, n) for n in range(2)] == [0, 1]


def test_no_two_confirmations_and_no_evaluation_see_the_same_batch():
    found = Confirmation(40, 250, True)
    numbers = {found.number(step, batch) for step in range(0, 5000, 250) for batch in range(40)}
    assert len(numbers) == 20 * 40
    assert min(numbers) >= 2**31 and max(found.number(2**31 - 1, n) for n in range(40)) < 2**32


def line(eval_loss, **confirmed):
    return {"step": 0, "seed": 0, "eval_loss": eval_loss, "eval_error": 1.0, **confirmed}


def test_a_success_is_one_that_is_confirmed_where_that_is_asked_for():
    assert meets(line(0.001), TASK) and is_solved(line(0.001), TASK)
    assert is_solved(line(0.001, confirmed_loss=0.001, confirmed_error=1.0), TASK)
    refuted = line(0.001, confirmed_loss=0.01, confirmed_error=1.0)
    assert meets(refuted, TASK) and not is_solved(refuted, TASK)
    assert not meets(line(0.01), TASK) and not meets({"step": 0, "seed": 0, "loss": 0.001}, TASK)
    for nothing in (None, math.nan):
        assert not meets(line(nothing), TASK)
        assert not is_solved(line(0.001, confirmed_loss=nothing, confirmed_error=nothing), TASK)
