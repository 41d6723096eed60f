import numpy as np
import pytest

from recurrax.tasks.flip_flop import FlipFlop

VARIANTS = [FlipFlop(30), FlipFlop(20, bits=1, pulse_rate=0.5)]


def check(task, batch):
    assert set(np.unique(batch.xs)) == {-1, 0, 1} and (batch.xs[0] != 0).all()
    held = batch.xs[0]
    for x, target in zip(batch.xs, batch.targets, strict=True):
        held = np.where(x != 0, x, held)
        np.testing.assert_array_equal(target, held)
    assert abs((batch.xs[1:] != 0).mean() - task.pulse_rate) < 0.03


def test_a_bad_field_is_named():
    with pytest.raises(ValueError, match="bits must be at least 1, got 0"):
        FlipFlop(bits=0)
    with pytest.raises(ValueError, match=r"pulse_rate must lie between 0 and 1, got 1\.5"):
        FlipFlop(pulse_rate=1.5)
