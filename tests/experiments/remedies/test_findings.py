import pytest

from experiments.remedies.config import Setting
from experiments.remedies.findings import findings
from tests.experiments.remedies.made_up import comparison, kind, outcome

STEPS = {"steps": 1000}


def _against(base, remedy, **config):
    """Returns the sentences about a remedy, and the cell without it, of as many seeds as there are times."""
    outcomes = [outcome("none", n, t) for n, t in enumerate(base)]
    outcomes += [outcome("clip_norm(1.0)", n, t) for n, t in enumerate(remedy)]
    return findings(outcomes, {}, comparison(seeds=len(base), train=STEPS, **config))


def test_a_difference_is_told_with_its_size_interval_and_counts():
    (sentence,) = _against([None] * 6, [100, 200, 300, 100, 200, 300])
    sentence = sentence.replace("\N{NO-BREAK SPACE}", " ")
    assert sentence.startswith("rnn with clip_norm(1.0) solves the task 800 steps sooner than as it is")
    assert (
        "in the mean of 6 seeds (95 % interval of the difference -900 to -700 steps; p = 0.031 after Holm" in sentence
    )
    assert sentence.endswith("Trainings that solved adding(24): 6 of 6 against 0 of 6.")


@pytest.mark.parametrize(
    ("base", "remedy"),
    [
        ([500] * 10, [500] * 10),
        ([100, 900, 300, 700] * 3, [110, 880, 310, 720] * 3),
        ([None] * 9 + [500], [None] * 8 + [500, 400]),
        ([None] * 5, [100] * 5),
    ],
    ids=["equal", "mixed", "one seed more", "too few seeds"],
)
def test_numbers_that_do_not_exclude_chance_tell_of_no_difference(base, remedy):
    sentences = _against(base, remedy)
    assert not any("sooner" in s or "later" in s for s in sentences)
    assert any("do not exclude that the time to success is the same as without" in s for s in sentences)


def _told_of_rates(rate):
    """Returns what is told of a remedy that helps, and that trained with this learning rate."""
    outcomes = [outcome("none", n, None) for n in range(6)]
    outcomes += [outcome("clip_norm(1.0)", n, 100 + n, rate=rate) for n in range(6)]
    (sentence,) = findings(outcomes, {}, comparison(seeds=6, train=STEPS))
    return sentence


def test_a_difference_between_other_learning_rates_is_not_told_of_the_remedy_alone():
    assert "(0.04 against 0.01), and what is told is of both together." in _told_of_rates(0.04)
    assert "learning rate" not in _told_of_rates(0.01)


def test_remedies_with_unequal_numbers_of_seeds_are_told_with_both():
    outcomes = [outcome(r, n, 500) for r in ("none", "clip_norm(1.0)", "orthogonal") for n in range(8)]
    outcomes[-1] = outcomes[-1]._replace(ended="failed")
    config = comparison(seeds=8, remedies="none,clip_norm(1.0),orthogonal", train=STEPS)
    assert any("7 to 8 seeds do not exclude" in s for s in findings(outcomes, {}, config))


def test_where_nothing_is_solved_success_tells_nothing():
    sentences = _against([None] * 10, [None] * 10)
    assert sentences == [
        "rnn: no training solved its task, whatever the remedy, so success does not tell remedies apart."
    ]


def test_what_diverged_failed_and_does_not_apply_is_told():
    outcomes = [outcome("none", n, 5) for n in range(3)] + [outcome("clip_norm(1.0)", n, 5) for n in range(3)]
    outcomes[0], outcomes[1] = outcomes[0]._replace(ended="diverged"), outcomes[1]._replace(ended="failed")
    config = comparison(cells="rnn,gru", remedies="none,clip_norm(1.0),bound_candidate()", train=STEPS)
    sentences = findings(outcomes, {}, config)
    assert "rnn: left out, since they do not apply: bound_candidate()." in sentences
    assert "1 of 6 trainings diverged; they count as not solved." in sentences
    assert "1 of 6 trainings failed; they are left out." in sentences
    assert not any("diverged" in s or "failed" in s for s in _against([5] * 3, [5] * 3))


REMEDIES = ("none", "orthogonal", "gaussian_start", "clip_norm(1.0)")


def test_reach_and_time_go_together_or_not_and_that_is_no_test():
    outcomes = [outcome(r, seed, 900 - 100 * n, reach=n) for n, r in enumerate(REMEDIES) for seed in range(3)]
    config = comparison(seeds=3, remedies=REMEDIES, train=STEPS)
    (sentence,) = [s for s in findings(outcomes, {}, config) if s.startswith("Rank coefficient")]
    assert "-1.00 for rnn on adding(24)" in sentence and sentence.endswith("no p-value is given.")
    flat = [o._replace(log_norms={}) for o in outcomes]
    equal = [outcome(r, seed, 500, reach=n) for n, r in enumerate(REMEDIES) for seed in range(3)]
    for silent in (flat, equal, [o for o in outcomes if o.kind.remedy != "none"]):
        assert not any(s.startswith("Rank coefficient") for s in findings(silent, {}, config))


def test_a_learning_rate_at_the_edge_is_told():
    config = comparison(remedies="none", train=STEPS | {"learning_rates": (0.1, 0.2, 0.3)})
    outcomes = [outcome("none", 0, 5)]
    edge = lambda rate: [
        s for s in findings(outcomes, {kind(): Setting("none", rate)}, config) if "may lie beyond" in s
    ]
    assert len(edge(0.3)) == 1 and edge(0.3)[0].startswith("For 1 of 1 kinds") and edge(0.2) == []
