import pytest

from tests.experiments.training.small import remedies_of, trained, trains_and_changes_what_is_learned

ARGUMENTS = {"omega": "(0.5)", "floss": "(1.0, exponents=2)", "stabilize_norm": "(1000.0)"}
CELLS = {"floss": "rnn"}


@pytest.mark.parametrize("name", remedies_of("test_penalties"))
def test_every_one_trains_and_changes_what_is_learned(name):
    trains_and_changes_what_is_learned(name, ARGUMENTS.get(name, ""), cells=CELLS.get(name, "gru"))


def test_a_penalty_is_in_the_loss_that_is_logged():
    _, without = trained()
    _, state = trained(remedies="stabilize_norm(1000.0)")
    assert state.loss_sum[0] > without.loss_sum[0] + 1
