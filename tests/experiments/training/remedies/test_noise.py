import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.training.remedies import make_remedies
from tests.experiments.training.small import remedies_of, same, trained, trains_and_changes_what_is_learned

NOISE = "gradient_noise(0.01)+gradient_noise(0.02)"
"""Twice, for the keys of both to be compared."""


@pytest.mark.parametrize("name", remedies_of("test_noise"))
def test_every_one_trains_and_changes_what_is_learned(name):
    trains_and_changes_what_is_learned(NOISE if name == "gradient_noise" else name, seeds=2)


def noise(steps, eta=0.5, key=0):
    (remedy,) = make_remedies(f"gradient_noise({eta})")
    transformation = remedy.transformation(jax.random.key(key))
    state, drawn = transformation.init(jnp.zeros(4000)), []
    for _ in range(steps):
        updates, state = transformation.update(jnp.zeros(4000), state)
        drawn.append(np.asarray(updates))
    return np.stack(drawn)


def test_its_variance_is_that_of_the_paper():
    """Neelakantan et al. (2015), section 3: eta / (1 + t)^0.55."""
    drawn = noise(8)
    np.testing.assert_allclose(drawn.var(axis=1), 0.5 / (1 + np.arange(8)) ** 0.55, rtol=0.1)
    assert np.abs(drawn.mean(axis=1)).max() < 0.05
    assert np.abs(np.corrcoef(drawn) - np.eye(8)).max() < 0.1


def test_it_is_a_function_of_the_key():
    np.testing.assert_array_equal(noise(3), noise(3))
    assert not np.array_equal(noise(3), noise(3, key=1))


@pytest.fixture(scope="module")
def two_seeds():
    return trained(remedies=NOISE, seeds=2)


def test_the_same_seed_gives_the_same_bits_and_calls_do_not_matter(two_seeds):
    trainer, state = two_seeds
    assert same(trainer.advance(trainer.start(), 3), state)
    assert same(trainer.advance(trainer.advance(trainer.start(), 1), 3), state)


def test_every_seed_and_every_remedy_of_a_list_has_noise_of_its_own(two_seeds):
    leaves = jax.tree.leaves(two_seeds[1].optimizer)
    keys = [jax.random.key_data(leaf) for leaf in leaves if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)]
    assert len(np.unique(np.concatenate(keys), axis=0)) == 4


def test_the_norm_that_is_logged_is_without_noise(two_seeds):
    noisy, plain = (trainer.advance(trainer.start(), 1) for trainer, _ in (two_seeds, trained(seeds=2)))
    np.testing.assert_array_equal(noisy.largest_gradient, plain.largest_gradient)
    assert not same(noisy.model, plain.model)


@pytest.mark.parametrize("text", ["gradient_noise(0.0)", "gradient_noise(1.0, gamma=1e999)"])
def test_a_bad_argument_is_named(text):
    with pytest.raises(ValueError, match="must be"):
        make_remedies(text)
