import pathlib

import jax.numpy as jnp
import pytest

from experiments.training.remedies import all_remedies, make_remedies
from recurrax import GRU
from recurrax.wrappers import RecurrentGradient, Zoneout
from tests.experiments.training.small import trained


def test_the_remedies_of_every_file_have_a_test_beside_them():
    kinds = {cls.__module__.rpartition(".")[2] for cls in all_remedies().values()}
    assert {f"test_{kind}.py" for kind in kinds} <= {path.name for path in pathlib.Path(__file__).parent.iterdir()}
    assert len(all_remedies()) >= 27 and "remedy" not in all_remedies()


def test_remedies_go_together_in_the_order_of_the_list():
    trainer, state = trained(remedies="forget_bias(2.0)+zone_out(0.2)+clip_recurrent(1.0)+clip_norm(0.5)+omega(0.1)")
    assert trainer.cell == RecurrentGradient(Zoneout(GRU(4, forget_bias=2.0), rate=0.2), clip_norm=1.0)
    assert bool(state.finite[0])


def test_an_empty_list_is_no_remedy():
    assert make_remedies("") == make_remedies("  ") == ()
    assert jnp.isfinite(trained()[1].loss_sum).all()


@pytest.mark.parametrize("text", ["clip_norm(1.0, 2.0)", "clip_norm(bound=1.0)"])
def test_a_wrong_argument_is_refused(text):
    with pytest.raises(TypeError):
        make_remedies(text)


def test_a_list_with_commas_is_told_how_to_join_it():
    with pytest.raises(ValueError, match=r"joined by a plus sign: 'clip_norm\(1.0\)\+omega\(1e\+2\)', got"):
        make_remedies("clip_norm(1.0), omega(1e+2)")
    assert len(make_remedies("clip_norm(1.0) + omega(1e+2)")) == 2
