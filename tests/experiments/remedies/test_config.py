from tests.experiments.remedies.made_up import comparison


def test_a_remedy_is_left_out_where_it_does_not_apply():
    trials = comparison(cells="rnn,gru", remedies="none,bound_candidate()", seeds=1).trials()
    assert [(t.cell, t.remedy) for t in trials] == [("rnn", "none"), ("gru", "none"), ("gru", "bound_candidate()")]


def test_seeds_are_trained_side_by_side_where_that_is_asked_for():
    assert [(t.seed, t.seeds) for t in comparison(remedies="none", seed=4).trials()] == [(4, 3)]
    apart = comparison(remedies="none", seed=4, together=False).trials()
    assert [(t.seed, t.seeds) for t in apart] == [(4, 1), (5, 1), (6, 1)]


def test_commas_in_brackets_separate_no_values():
    config = comparison(cells="lstm(forget_bias=1.0, hidden_size=3),rnn", tasks=("delayed_xor(delay=3", " order=1)"))
    assert config.cells == ("lstm(forget_bias=1.0, hidden_size=3)", "rnn")
    assert {t.task for t in config.trials()} == {"delayed_xor(delay=3, order=1)"}
    assert config.training(next(config.trials())).tasks == "delayed_xor(24, delay=3, order=1)"
