import pytest

from experiments.training.trainer import Trainer
from tests.experiments.training.small import config, remedies_of, trained, trains_and_changes_what_is_learned

FADING = "gru(forget_bias=-3.0)"


@pytest.mark.parametrize("name", remedies_of("test_truncation"))
def test_every_one_trains_and_changes_what_is_learned(name):
    if name == "truncate":
        trains_and_changes_what_is_learned(name, "(6)")
    else:
        trains_and_changes_what_is_learned(name, cells=FADING)


def test_truncation_is_chosen_from_the_measured_decay():
    quick, _ = trained(cells=FADING, remedies="truncate_adaptively")
    slow = Trainer(config(cells="gru(forget_bias=3.0)", remedies="truncate_adaptively"))
    assert quick.unroll_arguments["truncate_every"] < 6 and slow.unroll_arguments.get("truncate_every", 24) > 12
