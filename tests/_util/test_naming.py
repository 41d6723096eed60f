import pytest

from recurrax._util import naming


def test_a_list_is_split_at_its_commas_save_those_in_brackets_and_in_quotes():
    assert naming.split("lstm,residual(gru, ) ,  rnn") == ["lstm", "residual(gru, )", "rnn"]
    assert naming.split("stack((lstm,gru)),rnn") == ["stack((lstm,gru))", "rnn"]
    assert naming.split("lstm as 'a, (b',gru") == ["lstm as 'a, (b'", "gru"]
    assert naming.split("gru(reset='after, all'),gru") == ["gru(reset='after, all')", "gru"]


@pytest.mark.parametrize(
    ("text", "without", "label"),
    [
        ("lstm", "lstm", "lstm"),
        (" lstm(forget_bias=3.0)  as LSTM b=3 ", " lstm(forget_bias=3.0)", "LSTM b=3"),
        ("lstm as 'open, wide'", "lstm", "open, wide"),
        ('lstm as "it (is)"', "lstm", "it (is)"),
        ("f(' as ')", "f(' as ')", "f(' as ')"),
        ("f(' as ') as x", "f(' as ')", "x"),
        ("g(a as b)", "g(a as b)", "g(a as b)"),
        ("basis", "basis", "basis"),
    ],
)
def test_a_label_stands_after_as(text, without, label):
    assert naming.unlabelled(text) == without
    assert naming.label(text) == label


def test_names_are_looked_up_in_any_spelling():
    known = {"temporal_order": 1, "mnist_1d": 2}
    assert naming.lookup("TemporalOrder", known, "task") == naming.lookup("temporalorder", known, "task") == 1
    assert naming.lookup("MNIST1D", known, "task") == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("temporal", r"unknown task 'temporal'\. Did you mean temporal_order\?"),
        ("xyz", r"unknown task 'xyz'\. Known are mnist_1d, temporal_order; or module:Class"),
    ],
)
def test_an_unknown_name_is_answered_with_what_resembles_it_or_with_all(name, message):
    with pytest.raises(ValueError, match=message):
        naming.lookup(name, {"temporal_order": 1, "mnist_1d": 2}, "task")


def test_did_you_mean_knows_case_and_endings():
    assert naming.did_you_mean("Lr", ["seed", "train.lr"]) == " Did you mean train.lr?"
    assert naming.did_you_mean("elephant", ["seed"]) == ""
