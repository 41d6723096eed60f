import pytest

from experiments.common.errors import ExperimentError
from tests.experiments.training.small import config


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"remedies": "clip"}, "config.remedies is wrong: unknown remedy 'clip'. Did you mean clip_norm"),
        ({"remedies": "clip_norm(-1.0)"}, "config.remedies is wrong: max_norm must be above 0, got -1.0"),
        ({"remedies": "forget_bias", "cells": "rnn"}, "ForgetBias does not fit RNN, which has no forget_bias"),
        (
            {"remedies": "bound_candidate", "cells": "lstm"},
            "BoundCandidate does not fit LSTM: it needs a recurrent weight",
        ),
        ({"remedies": "skip_recurrence", "cells": "gru"}, "SkipRecurrence does not fit GRU: it needs a plain RNN"),
        ({"remedies": "reconstruct(steps=25)"}, "Reconstruct must go back at most 24 steps here, got steps=25"),
        ({"cells": "lstn"}, "config.cells is wrong: unknown cell 'lstn'"),
        ({"tasks": "adding(1)"}, "config.tasks is wrong: length must be at least 2"),
        ({"optimizer": "adm"}, r"config.optimizer must be one of .*, got 'adm'. Did you mean adam"),
        ({"learning_rate": 0.0}, "config.learning_rate must be a number above 0, got 0.0"),
        ({"eval_every": 3}, "config.eval_every must be a multiple of log_every = 2, got 3"),
        ({"save_every": 0}, "config.save_every must be a multiple of log_every"),
        (
            {"gradient_norms": {"every": 3, "batch": 2}},
            "config.gradient_norms.every must be a multiple of log_every, or 0, got 3",
        ),
        ({"gradient_norms": {"every": 0, "batch": 0}}, "config.gradient_norms.batch must be at least 1, got 0"),
    ],
)
def test_what_does_not_fit_is_named(fields, message):
    with pytest.raises(ExperimentError, match=message):
        config(**fields)


def test_a_module_that_cannot_be_imported_is_named():
    with pytest.raises(ExperimentError, match="config.cells is wrong: .*nowhere"):
        config(cells="nowhere:Cell")


def test_it_makes_what_its_texts_describe():
    training = config(cells="lstm", remedies="forget_bias(2.0)+clip_norm(1.0)", tasks="adding(30)")
    assert training.make_cell().forget_bias == 2.0 and training.make_cell().hidden_size == 4
    assert training.make_task().length == 30 and len(training.make_remedies()) == 2
