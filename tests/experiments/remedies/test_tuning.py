from experiments.remedies.config import Setting
from experiments.remedies.tuning import at_the_edge, choose, tuning_table
from tests.experiments.remedies.made_up import comparison, kind, outcome

RATES = (0.001, 0.01, 0.1)
CONFIG = comparison(remedies="none", train={"learning_rates": RATES})


def _tuning(**by_rate):
    """Outcomes of two seeds for each rate: times, or None, and losses."""
    return [
        outcome("none", 1000 + n, time, tuning=True, rate=rate, loss=loss)
        for rate, pairs in zip(RATES, by_rate.values(), strict=True)
        for n, (time, loss) in enumerate(pairs)
    ]


def test_the_setting_that_solves_soonest_is_chosen():
    outcomes = _tuning(a=[(900, 0.1), (None, 0.1)], b=[(500, 0.9), (None, 0.9)], c=[(800, 0.0), (800, 0.0)])
    assert choose(outcomes, CONFIG) == {kind(): Setting("none", 0.01)}


def test_where_none_solves_the_loss_decides_and_one_that_diverged_is_worst():
    nan = float("nan")
    outcomes = _tuning(a=[(None, 0.3), (None, 0.3)], b=[(None, nan), (None, nan)], c=[(None, 0.2), (None, 0.3)])
    assert choose(outcomes, CONFIG)[kind()].learning_rate == 0.1
    worse = _tuning(a=[(None, nan), (None, nan)], b=[(None, nan), (None, nan)], c=[(None, nan), (None, nan)])
    assert choose(worse, CONFIG)[kind()].learning_rate == 0.001


BOTH = comparison(remedies=("none", "orthogonal"), train={"learning_rates": RATES})


def _of_both(**by_remedy):
    """Outcomes of two seeds for each rate, of each remedy."""
    return [
        outcome(remedy, 1000 + n, time, tuning=True, rate=rate)
        for remedy, by_rate in by_remedy.items()
        for rate, times in zip(RATES, by_rate, strict=True)
        for n, time in enumerate(times)
    ]


def _rates(outcomes):
    return {k.remedy: setting.learning_rate for k, setting in choose(outcomes, BOTH).items()}


def test_remedies_of_a_cell_share_the_rate_that_does_best_over_all_of_them():
    nearly = _of_both(none=[(500, 500), (450, 450), (900, 900)], orthogonal=[(300, 300), (400, 400), (900, 900)])
    assert _rates(nearly) == {"none": 0.001, "orthogonal": 0.001}


def test_a_remedy_has_a_rate_of_its_own_where_every_seed_is_twice_as_fast_at_it():
    slow, fast = (900, 900), (100, 100)
    apart = _of_both(none=[fast, (800, 800), slow], orthogonal=[(700, 700), slow, (300, 300)])
    assert _rates(apart) == {"none": 0.001, "orthogonal": 0.1}
    one_seed = _of_both(none=[fast, (800, 800), slow], orthogonal=[(700, 700), slow, (20, 600)])
    assert _rates(one_seed) == {"none": 0.001, "orthogonal": 0.001}


def test_reported_seeds_have_no_say():
    outcomes = _tuning(a=[(500, 0.1)] * 2, b=[(600, 0.1)] * 2, c=[(600, 0.1)] * 2)
    outcomes += [outcome("none", n, 1, rate=0.1) for n in range(3)]
    assert choose(outcomes, CONFIG)[kind()].learning_rate == 0.001


def test_a_choice_at_the_edge_is_known_as_such():
    assert at_the_edge({kind(): Setting("none", 0.1)}, CONFIG) == [kind()]
    assert at_the_edge({kind(): Setting("none", 0.01)}, CONFIG) == []
    two = comparison(remedies="none", train={"learning_rates": (0.1, 0.2)})
    assert at_the_edge({kind(): Setting("none", 0.1)}, two) == []


def test_the_table_shows_all_that_was_tried_and_marks_one():
    outcomes = _tuning(a=[(500, 0.1)] * 2, b=[(600, 0.1)] * 2, c=[(None, 0.1)] * 2)
    table = tuning_table(outcomes, choose(outcomes, CONFIG), CONFIG)
    assert [(row[5], row[6], row[7], row[9]) for row in table.rows] == [
        ("0.001", "2 of 2", "500", "chosen"), ("0.01", "2 of 2", "600", ""), ("0.1", "0 of 2", "1000", ""),
    ]  # fmt: skip
    assert tuning_table([], {kind(): Setting("none", 0.01)}, comparison(remedies="none")) is None
