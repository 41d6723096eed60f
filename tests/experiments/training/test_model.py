import jax
import numpy as np
import pytest

from experiments.training.model import answers, init_model, read
from recurrax import GRU, RNN, unroll
from recurrax.tasks.adding import Adding


@pytest.fixture(scope="module")
def model():
    return init_model(RNN(64), Adding(24), jax.random.key(0))


def test_the_readout_keeps_the_size_of_what_it_reads(model):
    assert model.readout["w"].shape == (64, 1) and not model.readout["b"].any()
    np.testing.assert_allclose(model.readout["w"].std(), 1 / 8, rtol=0.25)


def test_a_key_gives_one_model_and_another_one_another(model):
    again, other = (init_model(RNN(64), Adding(24), jax.random.key(k)) for k in (0, 1))
    np.testing.assert_array_equal(again.cell.w_h, model.cell.w_h)
    assert (other.cell.w_h != model.cell.w_h).any() and (other.readout["w"] != model.readout["w"]).any()


def test_the_answers_are_those_of_the_unrolled_cell():
    cell, task = GRU(3), Adding(24)
    model, batch = init_model(cell, task, jax.random.key(0)), task.batch(0, 0, 2)
    got, ys = answers(cell, model, batch, truncate_every=5)
    _, expected = unroll(cell, model.cell, batch.xs, mask=batch.mask)
    np.testing.assert_allclose(ys, expected, rtol=1e-6)
    np.testing.assert_allclose(got, expected @ model.readout["w"], rtol=1e-5)
    np.testing.assert_array_equal(read(model, ys), got)
