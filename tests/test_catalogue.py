import dataclasses

import pytest

from experiments.training import remedies
from recurrax import GRU, LSTM, RNN, Stack, cells, initializers, tasks, wrappers
from recurrax.catalogue import make_cell, make_task, units
from recurrax.cell import Cell
from recurrax.initializers import Chrono, Gaussian, Identity, Initializer
from recurrax.tasks.task import Task
from recurrax.wrappers.recurrent_gradient import RecurrentGradient
from recurrax.wrappers.residual import Residual
from recurrax.wrappers.zoneout import Zoneout
from tests.test_cell import Averager

AVERAGER = f"{Averager.__module__}:Averager"
INITIALIZERS = units(initializers, (Initializer, Chrono))


def test_units_are_found_by_file_and_bases_are_left_out():
    assert units(cells, Cell)["lstm"] is LSTM and units(wrappers, Cell)["stack"] is Stack
    found = {cls.__name__ for cls in units((cells, wrappers, tasks), (Cell, Task)).values()}
    assert {"LSTM", "MUT2", "Zoneout", "VariationalDropout", "MNIST1D", "SelectiveCopy"} <= found
    assert not {"Cell", "GatedCell", "Wrapper", "Task", "Classification", "FromData"} & found
    assert {"gaussian", "chrono", "orthogonal_per_gate"} <= set(INITIALIZERS) and "initializer" not in INITIALIZERS
    assert {"clip_norm", "identity_start"} <= set(units(remedies, remedies.Remedy))


def test_a_unit_has_the_name_of_its_file_or_else_its_own():
    named = {cls.__name__: name for name, cls in units((cells, tasks), (Cell, Task)).items()}
    assert (named["PeepholeLSTM"], named["CoRNN"], named["RGLRU"], named["MNIST1D"]) == (
        "peephole_lstm", "cornn", "rg_lru", "mnist_1d",
    )  # fmt: skip
    assert (named["MinGRU"], named["NBRC"]) == ("min_gru", "nbrc")


@pytest.mark.parametrize("together", [(cells, wrappers, initializers), tasks], ids=["cells", "tasks"])
def test_no_two_units_that_one_text_may_name_have_one_name(together):
    names = [name.replace("_", "") for name in units(together, (Cell, Task, Initializer, Chrono))]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("lstm", LSTM(8)),
        ("LSTM", LSTM(8)),
        ("GRU(reset='after')", GRU(8, reset="after")),
        ("gru(reset=after)", GRU(8, reset="after")),
        ("lstm(4, forget_bias=-2.0)", LSTM(4, forget_bias=-2.0)),
        ("lstm(forget_bias=chrono(50.0))", LSTM(8, forget_bias=Chrono(50.0))),
        ("rnn(recurrent_init=gaussian(gain=0.5))", RNN(8, recurrent_init=Gaussian(0.5))),
        ("rnn(recurrent_init=Identity, activation=identity)", RNN(8, "identity", recurrent_init=Identity())),
        ("rnn(activation=HardTanh)", RNN(8, "hard_tanh")),
        ("residual(gru)", Residual(GRU(8))),
        ("recurrent_gradient(lstm, cut=(h,))", RecurrentGradient(LSTM(8), cut=("h",))),
        ("zoneout(lstm, rates=((h, 0.1),))", Zoneout(LSTM(8), rates=(("h", 0.1),))),
        ("stack((lstm, residual(rnn(3))))", Stack((LSTM(8), Residual(RNN(3))))),
        (AVERAGER, Averager()),
        (f"residual({AVERAGER})", Residual(Averager())),
        ("lstm(forget_bias=3.0) as 'LSTM, (open)'", LSTM(8, forget_bias=3.0)),
    ],
)
def test_a_text_makes_a_cell(text, cell):
    assert make_cell(text, hidden_size=8) == cell


@pytest.mark.parametrize("name", ["peephole_lstm", "PeepholeLSTM", "peepholelstm", "Peephole_LSTM"])
def test_case_and_underscores_do_not_matter(name):
    assert type(make_cell(name, hidden_size=2)) is units(cells, Cell)["peephole_lstm"]


@pytest.mark.parametrize(("package", "base", "make"), [(tasks, Task, make_task), (cells, Cell, make_cell)])
def test_every_unit_is_made_by_the_name_of_its_class_and_by_the_one_that_configs_write(package, base, make):
    for name, cls in units(package, base).items():
        needed = {f.name for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING}
        if needed <= {"hidden_size"}:
            options = {"hidden_size": 32} if make is make_cell else {}
            assert type(make(name, **options)) is type(make(cls.__name__, **options)) is cls


LSTM_ARGUMENTS = "hidden_size, use_bias, input_init, bias_init, recurrent_init, forget_bias"


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("lstn", ValueError, r"unknown cell 'lstn'\. Did you mean lstm"),
        ("LSTMM", ValueError, r"unknown cell 'LSTMM'\. Did you mean lstm"),
        ("elephant", ValueError, "unknown cell 'elephant'. Known are .*gru, .*lstm, .*rnn, .*or module:Class"),
        ("", ValueError, "cell '' must be a name or like zoneout"),
        ("lstm(", ValueError, r"cell 'lstm\(' must be a name or like"),
        ("3", ValueError, "cell '3' names no cell"),
        ("gaussian", ValueError, "unknown cell 'gaussian'"),
        ("residual(lstn)", ValueError, r"unknown name 'lstn'\. Did you mean lstm"),
        ("rnn(recurrent_init=gausian(gain=1))", ValueError, r"unknown name 'gausian'\. Did you mean gaussian"),
        (
            "rnn(recurrent_init=gaussian(gian=1))",
            TypeError,
            r"gaussian has no argument 'gian'\. Did you mean gain\? Its",
        ),
        ("rnn(activation=tan)", ValueError, r"activation must be one of .*, got 'tan'\. Did you mean tanh\?"),
        ("gru(reset=aftre)", ValueError, r"reset must be one of 'before', 'after', got 'aftre'\. Did you mean after\?"),
        (
            "lstm(forgetbias=2)",
            TypeError,
            rf"lstm has no argument 'forgetbias'\. Did you mean forget_bias\? Its arguments are {LSTM_ARGUMENTS}\.",
        ),
        ("lstm(3, hidden_size=3)", TypeError, "lstm is given hidden_size twice"),
        (
            "lstm(3, 1.0, 2, 3, 4, 5, 6)",
            TypeError,
            f"lstm takes at most 1 arguments without a name, got 7. Its .* {LSTM_ARGUMENTS}",
        ),
        ("residual", TypeError, "residual needs cell. Its arguments are cell"),
        ("lstm(bias_init=open('x'))", ValueError, "unknown name 'open'"),
        ("lstm(forget_bias=1 if 2 else 3)", ValueError, "may hold names, calls and literals only, not '1 if 2 else 3'"),
        ("lstm(hidden_size=0)", ValueError, "hidden_size must be at least 1, got 0"),
        ("no_such_module:LSTM", ValueError, "cell 'no_such_module:LSTM' cannot be imported"),
        ("recurrax:LSTN", ValueError, "cell 'recurrax:LSTN' cannot be imported"),
        (":LSTM", ValueError, "cell ':LSTM' cannot be imported"),
        ("recurrax:unroll", ValueError, "'recurrax:unroll' is no subclass of recurrax.cell.Cell"),
        ("jax.numpy:ndarray", ValueError, "'jax.numpy:ndarray' is no subclass of recurrax.cell.Cell"),
        ("lstm(use_bias=false)", ValueError, r"unknown name 'false'\. Did you mean False\?"),
        ("lstm(use_bias=none)", ValueError, r"unknown name 'none'\. Did you mean None\?"),
        ("lstm(forget_bias=nan)", ValueError, "'nan' is no number that an argument may have: numbers must be finite"),
        ("stack(lstm,gru)", TypeError, r"got 2\. Did you mean stack\(\(lstm, gru\)\)\?"),
        ("__import__('os')", ValueError, "unknown cell '__import__'"),
    ],
)
def test_a_text_that_makes_no_cell_is_named(text, error, message):
    with pytest.raises(error, match=message):
        make_cell(text, hidden_size=8)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("ading", ValueError, r"unknown task 'ading'\. Did you mean adding\?"),
        ("elephant", ValueError, "unknown task 'elephant'. Known are adding, continual_reber"),
        ("copy(", ValueError, r"task 'copy\(' must be a name or like copy\(100, symbols=4\)"),
        ("copy(lag=3)", TypeError, "copy has no argument 'lag'. Its arguments are length, symbols"),
        ("copy(0)", ValueError, "length must be at least 1, got 0"),
        ("copy(1 + 1j * 2)", ValueError, "may hold names, calls and literals only"),
        ("(copy(30), adding(30))", ValueError, "names no task"),
    ],
)
def test_a_text_that_makes_no_task_is_named(text, error, message):
    with pytest.raises(error, match=message):
        make_task(text)


def test_a_word_is_text_where_text_is_taken():
    assert make_task("copy(10, markers=many)") == make_task("copy(10, markers='many')")


def test_remedies_are_looked_up_alike():
    with pytest.raises(ValueError, match="unknown remedy 'clipnrm'. Did you mean clip_norm"):
        remedies.make_remedies("clipnrm(1.0)")
    assert remedies.make_remedies("ClipNorm(1.0)") == remedies.make_remedies("clip_norm(1.0)")


def test_arguments_without_a_name_are_those_of_the_class():
    assert make_cell("gru(8)") == GRU(8)
    with pytest.raises(TypeError, match="gru takes at most 2 arguments without a name, got 3"):
        make_cell("gru(8, after, 3)")
    assert make_cell("gru(8, after)") == GRU(8, "after")


def test_what_is_no_text_is_named():
    with pytest.raises(TypeError, match="text must be the name of a cell, or like zoneout.*, got LSTM"):
        make_cell(LSTM(3))


def test_the_example_in_messages_makes_a_cell():
    with pytest.raises(ValueError) as caught:
        make_cell("lstm(")
    assert make_cell(str(caught.value).partition("like ")[2].rstrip("."), hidden_size=3) == Zoneout(
        LSTM(3, forget_bias=2.0), rate=0.1
    )
