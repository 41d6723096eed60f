import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.common import cli
from experiments.reproduce import batch_norm_gain
from experiments.reproduce.batch_norm_gain import Gains, Setting, enlarged, findings, flow, log_norms, next_state, reach
from recurrax import RNN
from recurrax.catalogue import make_task
from recurrax.tasks.task import Batch
from recurrax.wrappers.batch_norm import BatchNorm

SMALL = {"tasks": "sequential_images", "enlarge": 2, "border": 1, "hidden_size": 24, "batch": 32, "seeds": 1, "seed": 0}
LN10 = np.log(10)


def test_the_recurrent_matrix_at_first_decides_whether_gradients_vanish_or_explode():
    """Mean-field theory of batch normalisation (Yang et al. 2019): a mixing matrix makes gradients explode."""
    config = Gains(gains=(1.0,), **SMALL)
    task = make_task(config.tasks)
    identity, orthogonal = (flow(1.0, Setting(identity=i), task, config) for i in (True, False))
    assert identity.log_norms.shape == (1, 18 * 18)
    assert reach(identity) < -10 * LN10 and reach(orthogonal) > 5 * LN10
    assert identity.scale * identity.slope < 0.9 and orthogonal.scale * orthogonal.slope > 1.02


def test_with_two_normalisations_a_step_is_that_of_the_wrapper():
    cell = BatchNorm(RNN(6), gain=0.7, steps=1)
    key = jax.random.key(0)
    params = cell.init(key, 1)
    h, x = jax.random.normal(key, (2, 9, 6))[0], jax.random.normal(jax.random.key(1), (9, 1))
    carry = cell.initial_carry(params, (9,))
    carry = carry._replace(inner=carry.inner._replace(h=h))
    expected = cell.step(params, carry, cell.project(params, x, key)).inner.h
    inner = params.inner
    got, _ = next_state(h, x, (inner.w_h, inner.w_x), 0.7, Setting(separate=True))
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_images_grow_pixel_by_pixel_and_are_asked_about_at_their_end():
    xs = jnp.arange(4.0).reshape(4, 1, 1)
    batch = enlarged(Batch(xs, jnp.full((4, 1), 7), jnp.ones((4, 1))), 2, 1)
    expected = np.pad(np.kron([[0, 1], [2, 3]], np.ones((2, 2))), 1)
    np.testing.assert_array_equal(batch.xs[:, 0, 0].reshape(6, 6), expected)
    assert batch.weights.sum() == batch.weights[-1, 0] == 1 and batch.targets[-1, 0] == 7


@pytest.mark.parametrize("squared", [False, True])
def test_norms_are_told_where_squares_underflow_or_overflow(squared):
    gradient = np.random.default_rng(0).standard_normal((4, 3, 2))
    norms = np.linalg.norm(gradient, axis=-1)
    expected = np.log(np.sqrt((norms**2).mean(-1)) if squared else norms.mean(-1))
    scales = np.array([1.0, 1e-250, 1e250, 0.0])
    with jax.enable_x64(True), np.errstate(divide="ignore"):
        got = log_norms(jnp.asarray(gradient * scales[:, None, None]), squared)
        np.testing.assert_allclose(got, expected + np.log(scales), rtol=1e-12)


def test_what_is_found_is_said_either_way():
    turned = findings({0.1: 0.2, 1.0: -20.0}, {"paper": -20.0, "other": 20.0, "same": -9.0}, 1.0)
    assert "it vanishes, as in the paper's figure" in turned[0] and "other" in turned[1] and "same" in turned[2]
    exploded = findings({0.1: 0.2, 1.0: 20.0}, {"paper": 20.0, "same": 9.0}, 1.0)
    assert "it explodes; in the paper's figure it vanishes" in exploded[0] and len(exploded) == 2


def test_a_change_that_changes_nothing_is_not_called_the_cause():
    assert not any("no longer" in line for line in findings({1.0: -20.0}, {"paper": -20.0, "other": -19.0}, 1.0))
    assert not any("no longer" in line for line in findings({1.0: 0.1}, {"paper": 0.1, "other": 20.0}, 1.0))


@pytest.mark.parametrize("argument", ["gains=0.0", "batch=1", "tasks=images", "tasks=adding"])
def test_it_refuses_what_makes_no_sense(tmp_path, argument):
    study = batch_norm_gain.STUDY
    argv = ["gain", f"--workdir={tmp_path}/w", f"--config.{argument}"]
    config = study.default_config
    assert cli.exit_status(study.main, argv, description="", default_config=config, schema=Gains) == 2
    assert not (tmp_path / "w").exists()
