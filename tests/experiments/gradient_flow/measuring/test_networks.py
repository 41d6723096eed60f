"""A study that grew has the bits of one that was large from the beginning, and repeats nothing."""

import dataclasses

import jax
import numpy as np
import pytest

from experiments.common.workdir import Workdir
from experiments.gradient_flow.config import Measure, Train
from experiments.gradient_flow.measuring.language_model import Trainer
from experiments.gradient_flow.measuring.networks import Network, measure_network, train_network
from experiments.gradient_flow.measuring.sources import TextSource
from experiments.gradient_flow.measuring.text import Text
from experiments.gradient_flow.variants import make_variants

AXES = {"hidden_size": (), "length": (), "forget_bias": (), "gain": ()}
SETTINGS = Measure(length=8, batch=2, jacobian_batch=1, lyapunov_length=20, dtype="float64")


@pytest.fixture(scope="module")
def source():
    ids = np.tile(np.arange(3, dtype=np.int32), 60)
    return TextSource(Text("abc", "", np.frombuffer(b"abc", np.uint8), ids[:120], ids[120:]))


@pytest.fixture(scope="module")
def network():
    (variant,) = make_variants(["rnn"], hidden_size=3, length=8, axes=AXES)
    return Network(variant, 4, variant.cell)


def trainer(network, source, last):
    train = Train(snapshots=(0, last), batch=2, length=5, learning_rate=0.02, clip_norm=1.0)
    return Trainer(network.program, source, train)


def measured(path, network, source, snapshots, settings=SETTINGS):
    told = []
    with Workdir(path, config={}, data={}) as workdir:
        arrays = measure_network(
            workdir, network, source, settings, trainer(network, source, snapshots[-1]), snapshots, told.append
        )
    return arrays, told


def test_more_snapshots_go_on_from_the_last_to_the_bits_of_a_long_training(tmp_path, network, source):
    measured(tmp_path / "grown", network, source, (0, 3))
    grown, told = measured(tmp_path / "grown", network, source, (0, 3, 6))
    large, _ = measured(tmp_path / "large", network, source, (0, 3, 6))
    assert told == [6]  # three steps in one stride, and none again
    assert {"end/3/lyapunov_exponent"} == {key for key in grown if key not in large and key.endswith("exponent")}
    for key in large:
        np.testing.assert_array_equal(grown[key], large[key])
    _, told = measured(tmp_path / "grown", network, source, (0, 3, 6))
    assert told == []


def test_a_longer_measurement_trains_nothing_again(tmp_path, network, source):
    measured(tmp_path / "grown", network, source, (0, 3))
    settings = dataclasses.replace(SETTINGS, batch=3)
    grown, told = measured(tmp_path / "grown", network, source, (0, 3), settings)
    large, _ = measured(tmp_path / "large", network, source, (0, 3), settings)
    assert told == [] and grown["snapshot/3/log_norm/joint"].shape == (1, 9, 3)
    for key in large:
        np.testing.assert_array_equal(grown[key], large[key])


def test_a_snapshot_in_between_is_trained_for_again_to_the_same_bits(tmp_path, network, source):
    def models(path, *snapshots):
        with Workdir(path, config={}, data={}) as workdir:
            return train_network(
                workdir, network, source, trainer(network, source, snapshots[-1]), snapshots, lambda done: None
            )

    models(tmp_path / "grown", 0, 6)
    grown, large = (models(tmp_path / name, 0, 3, 6) for name in ("grown", "large"))
    jax.tree.map(np.testing.assert_array_equal, grown, large)
