import pytest

from experiments.common import cli
from experiments.common.config import from_config
from experiments.common.errors import ExperimentError
from experiments.gradient_flow.config import GradientFlow
from recurrax import GRU, LSTM


def config(**fields):
    """The shipped config, with other values for fields: `train__snapshots=(0,)`."""
    shipped = cli._load("configs/gradient_flow.py")
    for name, value in fields.items():
        group, _, field = name.rpartition("__")
        target = shipped[group] if group else shipped
        with target.ignore_type():
            target[field] = value
    return from_config(GradientFlow, shipped)


def test_cells_are_made_at_the_width_of_the_study():
    asked = config(cells="lstm(forget_bias=3.0),gru", hidden_size=5)
    assert asked.cell_names() == ("lstm(forget_bias=3.0)", "gru")
    cells = [variant.cell for variant in asked.variants()]
    assert cells == [LSTM(hidden_size=5, forget_bias=3.0), GRU(hidden_size=5)]


def test_all_stands_for_every_cell():
    assert {"rnn", "lstm", "gru", "lru"} <= set(config(cells="all").cell_names())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"cells": "lstm,elman"}, "unknown cell 'elman'"),
        ({"cells": ""}, "config.cells"),
        ({"cells": "lstm,lstm"}, "every cell once"),
        ({"cells": "lstm,LSTM"}, "every cell once"),
        ({"cells": "lstm", "axes__gain": (1.0, 1.0)}, "config.axes.gain must be every value once"),
        ({"cells": "rnn", "axes__forget_bias": (1.0,)}, "axes.forget_bias applies to none"),
        ({"cells": "lstm", "axes__length": (4,)}, "config.axes.length must be at least 8"),
        ({"cells": "lstm", "axes__hidden_size": (0,)}, "config.axes.hidden_size must be at least 1"),
        ({"cells": "nothing:Here"}, "cannot be imported"),
        ({"cells": "recurrax:Cell"}, "config.cells"),
        ({"cells": "tests.experiments.cells:WithoutSize"}, "config.cells"),
        ({"hidden_size": 0}, "config.hidden_size must be at least 1"),
        ({"hidden_size": 99999999999999999999}, "config.hidden_size must be"),
        ({"seeds": -1}, "config.seeds must be at least 1"),
        ({"seed": 2147483647, "seeds": 3}, "config.seed must be"),
        ({"train__snapshots": (5, 2)}, "config.train.snapshots must be"),
        ({"train__snapshots": (0, 99999999999999999999)}, "config.train.snapshots must be"),
        ({"train__learning_rate": float("nan")}, "config.train.learning_rate must be"),
        ({"train__learning_rate": 1e300}, "config.train.learning_rate must be"),
        ({"measure__jacobian_batch": 99}, "config.measure.jacobian_batch must be"),
        ({"measure__batch": 99999999999999999999}, "config.measure.batch must be"),
        ({"measure__dtype": "bfloat16"}, "config.measure.dtype must be"),
        (
            {"cells": "lstm,recurrent_gradient(lstm,clip_value=1.0)"},
            "has RecurrentGradient(LSTM,clip_value=1.0), which",
        ),
        ({"data__source": "web"}, "config.data.source must be"),
        ({"data__variance": 0.0}, "config.data.variance must be"),
        ({"data__source": "noise", "data__path": "a.txt"}, "config.data.path must be"),
    ],
)
def test_a_wrong_field_is_named_in_three_lines(fields, message):
    with pytest.raises(ExperimentError) as error:
        config(**fields)
    assert message in str(error.value) and len(str(error.value).splitlines()) <= 3


@pytest.mark.parametrize("content", ["def f(:", "raise RuntimeError('no such device')", "raise SystemExit(3)"])
def test_a_module_of_ones_own_that_cannot_be_imported_is_named(tmp_path, monkeypatch, content):
    (tmp_path / "broken_cells.py").write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ExperimentError, match=r"config\.cells .*broken_cells") as error:
        config(cells="broken_cells:Mine")
    assert len(str(error.value).splitlines()) <= 3


def test_axes_multiply_the_cells():
    asked = config(cells="rnn,lstm", axes__forget_bias=(0.0, 3.0), axes__length=(16, 32))
    assert [variant.label for variant in asked.variants()] == [
        "RNN, T = 16", "RNN, T = 32", "LSTM, T = 16, forget bias 0", "LSTM, T = 16, forget bias 3",
        "LSTM, T = 32, forget bias 0", "LSTM, T = 32, forget bias 3",
    ]  # fmt: skip
    assert asked.lengths() == (16, 32) and config().lengths() == (128,)
