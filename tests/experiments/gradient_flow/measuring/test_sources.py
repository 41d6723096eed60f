import dataclasses
import hashlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.common.errors import ExperimentError
from experiments.gradient_flow.measuring.sources import LONG, MEASURED, NoiseSource, make_source
from tests.experiments.gradient_flow.made_up import config


def of_text(path):
    asked = config()
    return make_source(dataclasses.replace(asked, data=dataclasses.replace(asked.data, path=str(path))))


@pytest.fixture
def text(tmp_path):
    (tmp_path / "mine.txt").write_text("the quick brown fox jumps over the lazy dog. " * 40)
    return of_text(tmp_path / "*.txt")


def test_ones_own_text_is_read_as_one_hot_symbols_with_the_next_one_as_target(text, tmp_path):
    assert text.name == "mine.txt" and text.input_size == 28
    assert text.sha256 == hashlib.sha256((tmp_path / "mine.txt").read_bytes()).hexdigest()
    xs, targets = text.sequences(MEASURED, 3, 12)
    assert xs.shape == (12, 3, 28) and (xs.sum(-1) == 1).all()
    np.testing.assert_array_equal(xs[1:].argmax(-1), targets[:-1])
    assert (xs != text.sequences(LONG, 3, 12)[0]).any()


def test_the_loss_at_the_last_step_is_the_sum_of_the_cross_entropies_there(text):
    readout = text.init_readout(jax.random.key(0), 4)
    ys, targets = jax.random.normal(jax.random.key(1), (5, 3, 4)), jnp.arange(15).reshape(5, 3)
    logits = np.asarray(ys[-1] @ readout["w"] + readout["b"], np.float64)
    expected = np.log(np.exp(logits).sum(-1)) - logits[range(3), targets[-1]]
    np.testing.assert_allclose(text.last_loss(readout, ys, targets), expected.sum(), rtol=1e-5)


def test_a_text_shorter_than_the_sequences_is_refused(tmp_path):
    (tmp_path / "short.txt").write_text("too short")
    with pytest.raises(ExperimentError, match="9 bytes"):
        of_text(tmp_path / "short.txt")


def test_noise_has_the_variance_that_is_asked_for_and_depends_on_number_and_seed_alone():
    source = NoiseSource(features=3, variance=0.25, seed=1)
    xs, targets = source.sequences(MEASURED, 50, 100)
    assert targets is None and xs.shape == (100, 50, 3) and float(xs.std()) == pytest.approx(0.5, rel=0.02)
    np.testing.assert_array_equal(xs, NoiseSource(3, 0.25, 1).sequences(MEASURED, 50, 100)[0])
    for other in (source.sequences(LONG, 50, 100), NoiseSource(3, 0.25, 2).sequences(MEASURED, 50, 100)):
        assert (xs != other[0]).any()


def test_the_loss_of_noise_is_a_functional_of_norm_one():
    source = NoiseSource(features=3, variance=1.0, seed=0)
    readout = source.init_readout(jax.random.key(0), 4)
    ys = jnp.zeros((5, 2, 4)).at[-1].set(readout)
    assert float(source.last_loss(readout, ys, None)) == pytest.approx(2.0)
