import jax.numpy as jnp
import numpy as np
import pytest

from recurrax.tasks.regular import CycleNavigation, EvenPairs, ModularArithmetic, Parity
from tests.tasks.reading import asked_at_the_end, ids

VARIANTS = [
    Parity(12),
    EvenPairs(12),
    CycleNavigation(12),
    ModularArithmetic(11),
    ModularArithmetic(5, modulus=3),
    Parity(1),
]


def answer(task, string):
    """Examples of Delétang et al. (2023) are below."""
    if isinstance(task, Parity):
        return sum(string) % 2
    if isinstance(task, EvenPairs):
        text = "".join(map(str, string))
        return (sum(text[n : n + 2] in ("01", "10") for n in range(len(text)))) % 2
    if isinstance(task, CycleNavigation):
        return sum(step - 1 for step in string) % 5
    text = "".join(str(s) if s < task.modulus else "+-*"[s - task.modulus] for s in string)
    return eval(text) % task.modulus


def check(task, batch):
    shown, lengths = ids(batch)
    answers = asked_at_the_end(batch)
    for column, length, got in zip(shown.T, lengths, answers, strict=True):
        assert got == answer(task, column[:length].tolist())
        if isinstance(task, ModularArithmetic):
            assert length % 2 == 1 and (column[:length:2] < task.modulus).all()
            assert (column[1:length:2] >= task.modulus).all()
    assert lengths.min() >= 1 and lengths.max() <= task.length


@pytest.mark.parametrize(
    ("task", "string", "expected"),
    [
        (EvenPairs(), [0, 0, 1, 1, 1, 0], 0),
        (EvenPairs(), [0, 1, 0, 1, 0, 0, 1], 1),
        (CycleNavigation(), [2, 0, 1, 0, 0], 3),
        (CycleNavigation(), [2, 2, 2, 0], 2),
        (ModularArithmetic(), [1, 5, 2, 7, 3], 2),
        (ModularArithmetic(), [1, 6, 1, 6, 1], 4),
        (ModularArithmetic(), [0, 7, 1, 5, 4, 7, 3, 6, 2], 0),
    ],
)
def test_examples_of_the_benchmark(task, string, expected):
    padded = jnp.array(string + [0] * (task.length - len(string)))[:, None]
    assert answer(task, string) == expected
    assert int(task.answer(padded, jnp.array([len(string)]))[0]) == expected


def test_the_shares_of_results_are_those_of_all_strings():
    """Modulo 3, all strings of one and of three symbols."""
    task = ModularArithmetic(3, modulus=3)
    three = [eval(f"{a}{op}{b}") % 3 for a in range(3) for op in "+-*" for b in range(3)]
    np.testing.assert_allclose(task.priors(), [[1 / 3] * 3, np.bincount(three) / 27], rtol=1e-12)


def test_a_bad_field_is_named():
    with pytest.raises(ValueError, match="length must be odd for ModularArithmetic, got 4"):
        ModularArithmetic(4)
    with pytest.raises(ValueError, match="modulus must be at least 1, got 0"):
        ModularArithmetic(modulus=0)
    with pytest.raises(ValueError, match="length must be at least 1, got 0"):
        Parity(0)
