import jax.numpy as jnp
from jax import export

from recurrax._util import sizes


def test_a_symbolic_size_counts_as_large():
    size = export.symbolic_shape("size")[0]
    assert sizes.counted(3) == 3
    assert sizes.counted(size) == sizes.counted(2 * size) == sizes.LARGE


def test_what_is_not_known_of_a_size_is_not_taken_for_small():
    size, bounded = export.symbolic_shape("size, bounded", constraints=["bounded <= 4"])
    assert sizes.at_most(3, 3) and not sizes.at_most(4, 3)
    assert not sizes.at_most(size, 3)
    assert not sizes.at_most(size, 0)  # known
    assert sizes.at_most(bounded, 4)


def test_a_part_is_a_slice():
    assert sizes.part(jnp.arange(5), 1, 3).tolist() == [1, 2]
