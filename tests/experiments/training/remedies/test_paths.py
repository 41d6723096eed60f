import pytest

from tests.experiments.training.small import remedies_of, trains_and_changes_what_is_learned

CELLS = {"shortcut": "rnn(2)", "skip_recurrence": "rnn"}


@pytest.mark.parametrize("name", remedies_of("test_paths"))
def test_every_one_trains_and_changes_what_is_learned(name):
    trains_and_changes_what_is_learned(name, cells=CELLS.get(name, "gru"))
