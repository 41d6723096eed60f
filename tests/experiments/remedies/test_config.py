import pytest

from experiments.common.config import FieldError
from experiments.common.errors import ExperimentError
from experiments.remedies.config import Setting, strengths
from tests.experiments.remedies.made_up import comparison


def _chosen(config):
    return {kind: config.settings(kind.remedy)[0] for kind in config.kinds}


def _trials(config):
    return list(config.trials(_chosen(config)))


def test_a_remedy_is_left_out_where_it_does_not_apply():
    kinds = comparison(cells="rnn,gru", remedies="none,bound_candidate()", seeds=1).kinds
    assert [(k.cell, k.remedy) for k in kinds] == [("rnn", "none"), ("gru", "none"), ("gru", "bound_candidate()")]


def test_seeds_are_trained_side_by_side_where_that_is_asked_for():
    assert [(t.seed, t.seeds) for t in _trials(comparison(remedies="none", seed=4))] == [(4, 3)]
    apart = _trials(comparison(remedies="none", seed=4, together=False))
    assert [(t.seed, t.seeds) for t in apart] == [(4, 1), (5, 1), (6, 1)]


def test_seeds_that_come_later_train_beside_each_other_and_not_beside_the_first():
    config = comparison(remedies="none", seed=4, seeds=7)
    assert [(t.seed, t.seeds) for t in config.trials(_chosen(config), [3, 5])] == [(4, 3), (7, 2), (9, 2)]
    rates = comparison(
        remedies="none", train={"learning_rates": (0.1, 0.2)}, tuning={"seeds": 3, "seed": 9, "steps": 2}
    )
    assert [(t.seed, t.seeds) for t in rates.tuning_trials([2])] == [(9, 2), (11, 1)] * 2


def test_commas_in_brackets_separate_no_values():
    config = comparison(cells="lstm(forget_bias=1.0, hidden_size=3),rnn", tasks=("delayed_xor(delay=3", " order=1)"))
    assert config.cells == ("lstm(forget_bias=1.0, hidden_size=3)", "rnn")
    assert {k.task for k in config.kinds} == {"delayed_xor(delay=3, order=1)"}
    assert config.training(_trials(config)[0]).tasks == "delayed_xor(24, delay=3, order=1)"


def test_what_is_chosen_from_is_every_strength_at_every_learning_rate():
    assert strengths("omega(weight=1|2.5)+clip_norm(1)") == [
        "omega(weight=1)+clip_norm(1)",
        "omega(weight=2.5)+clip_norm(1)",
    ]
    assert strengths("skip(1|2)+truncate(3|4)") == [f"skip({a})+truncate({b})" for a in (1, 2) for b in (3, 4)]
    config = comparison(remedies="none,clip_norm(1|10)", train={"learning_rates": (0.1, 0.2)})
    assert config.settings("none") == [Setting("none", 0.1), Setting("none", 0.2)]
    assert len(config.settings("clip_norm(1|10)")) == 4
    assert config.settings("hessian_free(iterations=2|4)") == [
        Setting(f"hessian_free(iterations={n})", 0.1) for n in (2, 4)
    ]


def test_seeds_of_the_tuning_are_others_than_those_reported_and_train_for_its_steps():
    config = comparison(train={"learning_rates": (0.1, 0.2)}, remedies="none")
    tuned, reported = list(config.tuning_trials()), _trials(config)
    assert [(t.setting.learning_rate, t.seed, t.seeds) for t in tuned] == [(0.1, 1000, 2), (0.2, 1000, 2)]
    assert config.training(tuned[0]).steps == 2 and config.training(reported[0]).steps == 4
    with pytest.raises(ExperimentError, match="tuning.seed must be such that none of its 2 seeds is reported"):
        comparison(tuning={"seeds": 2, "seed": 2, "steps": 2})


def test_where_there_is_one_setting_nothing_is_tuned():
    assert list(comparison().tuning_trials()) == []


def test_every_width_is_a_kind_of_its_own():
    config = comparison(remedies="none", train={"hidden_sizes": (3, 5)})
    assert [config.training(t).hidden_size for t in _trials(config)] == [3, 5]


@pytest.mark.parametrize(
    ("field", "value"), [("hidden_sizes", (0,)), ("learning_rates", (-1.0,)), ("learning_rates", ())]
)
def test_a_wrong_axis_is_named(field, value):
    with pytest.raises(FieldError, match=f"train.{field}"):
        comparison(train={field: value})
