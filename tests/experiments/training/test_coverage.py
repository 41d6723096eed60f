"""How far metrics reach, told from the lines of a training that logs every two of eight steps, from two seeds."""

import math

import pytest

from experiments.training.coverage import covered, ended_before, is_whole
from tests.experiments.training.small import config

CONFIG = config(steps=7, seeds=2, tasks="adding(24)")
TASK = CONFIG.make_task()
STEPS = (0, 2, 4, 6, 7)


def line(step, seed, loss=0.1):
    return {"step": step, "seed": seed, "eval_loss": loss, "eval_error": 1.0}


def lines(*steps):
    return [line(step, seed) for step in steps for seed in (0, 1)]


@pytest.mark.parametrize("count", range(6))
def test_a_checkpoint_needs_the_lines_before_its_step(count):
    expected = math.inf if count == 5 else STEPS[count]
    assert covered(lines(*STEPS[:count]), CONFIG, TASK) == expected


def test_of_several_seeds_the_one_that_lacks_most_counts():
    assert covered([*lines(0, 2, 4), line(6, 0), line(7, 0)], CONFIG, TASK) == 6
    assert covered([line(0, 0)], CONFIG, TASK) == 0


def test_what_stood_at_the_end_of_a_shorter_training_is_not_of_a_longer_one():
    longer = config(steps=20, eval_every=4, save_every=4)
    assert covered([line(0, 0), {"step": 2, "seed": 0}, line(4, 0), line(5, 0)], longer, TASK) == 4
    assert covered([line(0, 0), line(2, 0)], longer, TASK) == 1  # which was evaluated
    assert ended_before([line(0, 0), line(2, 0)], longer) and ended_before([line(5, 0)], longer)
    assert not ended_before([line(0, 0), line(4, 0), line(20, 0), {"step": 3, "diverged": True}], longer)


def test_a_gap_ends_it():
    assert covered(lines(0, 4, 6, 7), CONFIG, TASK) == 2
    assert covered(lines(1, 2), CONFIG, TASK) == 0


def test_a_seed_that_solved_its_task_or_diverged_lacks_nothing_after():
    solved = [*lines(0, 2), line(4, 0, loss=1e-9), line(4, 1), line(6, 1), line(7, 1)]
    assert covered(solved, CONFIG, TASK) == math.inf
    assert covered(solved, config(steps=7, seeds=2, stop_when_solved=False), TASK) == 6
    diverged = {"step": 3, "seed": 0, "diverged": True}
    others = [line(step, 1) for step in STEPS]
    assert covered([line(0, 0), line(2, 0), diverged, *others], CONFIG, TASK) == math.inf
    assert covered([line(0, 0), diverged, *others], CONFIG, TASK) == 2


def test_the_lines_of_a_step_are_whole_where_all_that_train_have_one_or_none_has():
    before = lines(0, 2)
    assert is_whole(before, CONFIG, TASK, 4) and is_whole([*before, *lines(4)], CONFIG, TASK, 4)
    assert not is_whole([*before, line(4, 0)], CONFIG, TASK, 4)
    diverged = {"step": 4, "seed": 1, "diverged": True}
    assert is_whole([*before, diverged, line(4, 0)], CONFIG, TASK, 4)
