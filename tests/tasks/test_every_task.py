"""What every task must keep; a new file runs here as soon as it is there (`tests/tasks/cases.py`)."""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recurrax.tasks
from recurrax.tasks.task import Classification, Regression
from tests.tasks.blind import BlindAnswers
from tests.tasks.cases import CASES, MODULES, UNITS, every_task, every_variant, twin
from tests.tasks.reading import drawn, judge


def close(got, expected):
    jax.tree.map(np.testing.assert_array_equal, got, expected)


@pytest.mark.parametrize("module", MODULES)
def test_every_task_has_a_twin_test(module):
    assert {type(task) for task in twin(module).VARIANTS} == {cls for cls in UNITS if cls.__module__ == module}


@every_variant
def test_a_batch_is_what_the_definition_says(case):
    batch = drawn(case.task, 64)
    length, size, features = batch.xs.shape
    assert (size, features) == (64, case.task.input_size)
    assert batch.weights.shape == (length, size) and batch.weights.dtype == batch.xs.dtype == np.float32
    assert (batch.weights >= 0).all() and (batch.weights.sum(0) > 0).all()
    if isinstance(case.task, Classification):
        assert batch.targets.shape == (length, size) and batch.targets.dtype == np.int32
        assert batch.targets.min() >= 0 and batch.targets.max() < case.task.output_size
    else:
        assert isinstance(case.task, Regression) and batch.targets.shape == (length, size, case.task.output_size)
    if batch.mask is not None:
        assert batch.mask[0].all() and (batch.mask[1:] <= batch.mask[:-1]).all()
        assert not batch.weights[~batch.mask].any()
    if batch.judged is not None:
        assert batch.judged.any() and batch.weights[batch.judged].all()
    case.twin.check(case.task, batch)


@every_task
def test_a_batch_depends_on_seed_and_step_alone(case):
    batch = drawn(case.task, 8, seed=3, step=5)
    for other in (drawn(case.task, 8, seed=4, step=5), drawn(case.task, 8, seed=3, step=6)):
        assert (batch.xs != other.xs).any()
    assert (batch.xs != drawn(case.task, 8, seed=3, step=5, held_out=True).xs).any()


@every_task
@pytest.mark.slow
def test_seeds_may_be_mapped_over(case):
    of_two_seeds = jax.jit(jax.vmap(lambda seed: case.task.batch(seed, 5, 8)))(jnp.arange(2, 4))
    close(drawn(case.task, 8, seed=3, step=5), jax.tree.map(lambda a: a[1], of_two_seeds))


@every_task
def test_the_chance_level_is_what_the_best_blind_answers_get(case):
    """The best for one sample are too good on it and too bad on another; the chance level lies between."""
    task = case.task
    first, second = (drawn(task, 8000, step=step, held_out=True) for step in range(2))
    answers = BlindAnswers.fitted(task, first)
    for judged, chance in zip(
        zip(answers.judged_on(first), answers.judged_on(second), strict=True), task.chance, strict=True
    ):
        (least, uncertain), (most, also_uncertain) = judged
        assert least - 4 * uncertain - 1e-6 <= chance <= most + 4 * also_uncertain + 1e-6
        assert most - least <= 0.03 * chance + 4 * (uncertain + also_uncertain)
    assert not task.solved(*task.chance)


@every_task
def test_right_answers_solve_it(case):
    batch = drawn(case.task, 16)
    outputs = (
        batch.targets
        if isinstance(case.task, Regression)
        else 50.0 * jax.nn.one_hot(batch.targets, case.task.output_size)
    )
    loss, error = judge(case.task)(outputs, batch)
    assert loss < 1e-6 and error == 0 and case.task.solved(float(loss), float(error))


@every_task
def test_what_is_not_asked_for_touches_neither_loss_nor_gradient(case):
    batch = drawn(case.task, 4)
    outputs = jax.random.normal(jax.random.key(0), (*batch.weights.shape, case.task.output_size))
    broken = jnp.where(batch.weights[..., None] > 0, outputs, jnp.nan)
    close(judge(case.task)(broken, batch), judge(case.task)(outputs, batch))


@every_task
def test_a_task_compares_and_prints_by_value(case):
    names = {cls.__name__: cls for cls in UNITS}
    again = eval(repr(case.task), names)
    assert again == case.task and hash(again) == hash(case.task)


def test_the_cross_entropy_is_that_of_optax_also_for_large_scores():
    optax = importlib.import_module("optax")
    task = next(case.task for case in CASES if isinstance(case.task, Classification))
    scores = 100 * jax.random.normal(jax.random.key(0), (5, 7, task.output_size))
    targets = jax.random.randint(jax.random.key(1), (5, 7), 0, task.output_size)
    expected = optax.softmax_cross_entropy_with_integer_labels(scores, targets)
    np.testing.assert_allclose(task.losses(scores, targets), expected, rtol=1e-5, atol=1e-5)


def test_importing_the_package_imports_no_task():
    assert not [name for name in vars(recurrax) if name == "adding"]
