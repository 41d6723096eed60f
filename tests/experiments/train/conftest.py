"""A finished training, which the tests of this folder share."""

import pytest

from experiments.train import study
from experiments.training.trainer import Trainer
from tests.experiments.train.running import run, trainer_of


@pytest.fixture(scope="package", autouse=True)
def _a_config_compiles_once():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "Trainer", trainer_of)
        yield


@pytest.fixture(scope="package")
def _finished_and_traced(tmp_path_factory):
    workdir, traced, original = tmp_path_factory.mktemp("training") / "run", [], Trainer._train_step
    trainer_of.cache_clear()  # a test before may have compiled the same config

    def counted(self, *arguments):
        traced.append(1)
        return original(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "_train_step", counted)
        assert run(workdir) == 0
    return workdir, len(traced)


@pytest.fixture(scope="package")
def finished(_finished_and_traced):
    return _finished_and_traced[0]


@pytest.fixture(scope="package")
def times_traced(_finished_and_traced):
    """How often the finished training traced its step."""
    return _finished_and_traced[1]
