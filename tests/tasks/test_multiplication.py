import numpy as np
import pytest

from recurrax.tasks.multiplication import Multiplication
from tests.tasks.reading import asked_at_the_end
from tests.tasks.test_adding import check_marks, marked

VARIANTS = [Multiplication(50, variant) for variant in ("urnn", "tcn", "pascanu", "hochreiter")]


def check(task, batch):
    steps, at = marked(batch), np.arange(batch.xs.shape[1])
    check_marks(task, batch, steps)
    a, b = batch.xs[steps, at, 0]
    np.testing.assert_allclose(asked_at_the_end(batch)[:, 0], a * b, rtol=1e-6)
    assert batch.xs[..., 0].min() >= 0 and batch.xs[..., 0].max() <= 1
    if task.variant == "hochreiter":
        assert (batch.xs[0, batch.xs[0, :, 1] == 1, 0] == 1).all()


def test_published_chance_level():
    assert abs(Multiplication().chance.loss - 7 / 144) < 1e-15
    # A product lies below 0.08 as often as 0.08 (1 - ln 0.08).
    assert abs(Multiplication().chance.error - 0.717942) < 1e-6


def test_a_bad_field_is_named():
    with pytest.raises(ValueError, match="variant must be one of 'urnn', .*, got 'saxe'"):
        Multiplication(variant="saxe")
    with pytest.raises(ValueError, match="length must be at least 2 for Multiplication, got 1"):
        Multiplication(1)
