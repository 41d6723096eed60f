import numpy as np
import pytest

from recurrax.tasks.delayed_xor import DelayedXOR

VARIANTS = [DelayedXOR(30, delay=3), DelayedXOR(30, delay=4, order=0), DelayedXOR(30, delay=2, order=2)]


def check(task, batch):
    bits = batch.xs[..., 0].astype(int)
    reach = task.delay * 2**task.order
    assert set(np.unique(bits)) == {0, 1}
    np.testing.assert_array_equal(batch.weights, np.broadcast_to((np.arange(30) >= reach)[:, None], bits.shape))
    for t in range(reach, 30):
        expected = np.bitwise_xor.reduce([bits[t - task.delay * n] for n in range(1, 2**task.order + 1)])
        np.testing.assert_array_equal(batch.targets[t], expected)


def test_a_bad_field_is_named():
    with pytest.raises(ValueError, match="length must be at least 21 for DelayedXOR, got 20"):
        DelayedXOR(20, delay=10)
    with pytest.raises(ValueError, match="delay must be at least 1, got 0"):
        DelayedXOR(delay=0)
    with pytest.raises(TypeError, match=r"order must be an integer, got 1\.5"):
        DelayedXOR(order=1.5)
