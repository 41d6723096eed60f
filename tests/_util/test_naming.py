import pytest

from recurrax._util import naming
from recurrax.tasks.catalogue import all_tasks, make_task


def test_a_list_is_split_at_its_commas_save_those_in_brackets():
    assert naming.split("lstm,residual(gru, ) ,  rnn") == ["lstm", "residual(gru, )", "rnn"]
    assert naming.split("stack((lstm,gru)),rnn") == ["stack((lstm,gru))", "rnn"]


def test_case_and_underscores_do_not_matter():
    assert make_task("TemporalOrder(20)") == make_task("temporal_order(length=20)") == make_task("temporalorder(20)")


def test_every_task_is_found_by_its_name():
    for name, cls in all_tasks().items():
        assert type(make_task(name)) is cls
    assert {"adding", "delayed_xor", "mnist1d", "temporal_order"} <= set(all_tasks())


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("addition", ValueError, "unknown task 'addition'; known are adding, continual_reber"),
        ("copy(", ValueError, r"task 'copy\(' must be a name or like copy\(100, symbols=4\)"),
        ("copy(lag=3)", TypeError, "unexpected keyword argument 'lag'"),
        ("copy(0)", ValueError, "length must be at least 1, got 0"),
        ("copy(1 + 1j * 2)", ValueError, "may hold names, calls and literals only"),
        ("(copy, adding)", ValueError, "names no task"),
        ("__import__('os')", ValueError, "unknown task '__import__'"),
    ],
)
def test_a_text_that_names_nothing_is_refused(text, error, message):
    with pytest.raises(error, match=message):
        make_task(text)
