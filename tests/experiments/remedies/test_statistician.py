"""What a statistician asks of the report: that it tells of no difference where there is none, and of a large one."""

import numpy as np
import pytest

from experiments.remedies.effects import effects_of
from experiments.remedies.findings import findings
from experiments.remedies.tuning import choose
from tests.experiments.remedies.made_up import comparison, outcome, report

HORIZON = 1000


def _study(seeds, lengths=(50,), remedies=("none", "clip_norm(1.0)", "orthogonal", "identity_start"), cells="rnn,gru"):
    return comparison(cells=cells, lengths=lengths, remedies=remedies, seeds=seeds, train={"steps": HORIZON})


def _shares(rng, config):
    """Success by chance alone, always after the same steps."""
    share = rng.uniform(0.2, 0.8)
    return {k: np.where(rng.uniform(size=config.seeds) < share, 300.0, np.inf) for k in config.kinds}


def _censored(rng, config):
    """Exponential times, many of which lie beyond the last step."""
    return {k: np.ceil(rng.exponential(900, config.seeds)) for k in config.kinds}


def _tied(rng, config):
    """Times known to within a third of the steps."""
    return {k: 300 * np.ceil(rng.uniform(0, 4, config.seeds)) for k in config.kinds}


def _of_seeds(rng, config):
    """Times that depend on the seed more than on anything else, the same in all kinds of a cell."""
    seed = rng.normal(0, 300, config.seeds)
    return {k: np.maximum(1, np.round(500 + seed + rng.normal(0, 60, config.seeds))) for k in config.kinds}


def _of_lengths(rng, config):
    """One length is solved by all, the other by hardly any, and seeds that are slow at one are slow at the other."""
    seed = rng.normal(0, 200, config.seeds)
    middle = {50: 400, 100: 1100}
    return {k: np.maximum(1, np.round(middle[k.length] + seed + rng.normal(0, 99, config.seeds))) for k in config.kinds}


def _skewed(rng, config):
    """A few trainings take very long."""
    return {k: np.ceil(rng.pareto(1.2, config.seeds) * 100 + 50) for k in config.kinds}


WITHOUT = {
    "shares": (_shares, _study(10)),
    "censored": (_censored, _study(10)),
    "tied": (_tied, _study(8)),
    "few": (_censored, _study(4)),
    "of seeds": (_of_seeds, _study(10)),
    "of lengths": (_of_lengths, _study(9, lengths=(50, 100))),
    "skewed": (_skewed, _study(12)),
}


def _tells(sentences):
    return any(word in sentence for sentence in sentences for word in (" sooner", " later", "p\N{NO-BREAK SPACE}="))


def _told(generator, config, reports, seed=0):
    """Counts the reports that tell of a difference."""
    rng = np.random.default_rng(seed)
    return sum(_tells(findings(report(config, generator(rng, config)), {}, config)) for _ in range(reports))


def _most(reports):
    """Returns the number of reports that a level of 5 % exceeds once in a thousand tests."""
    from scipy import stats

    return int(stats.binom.ppf(0.999, reports, 0.05))


@pytest.mark.parametrize("name", WITHOUT)
def test_a_report_without_a_difference_tells_of_one_in_at_most_one_case_of_twenty(name):
    generator, config = WITHOUT[name]
    assert _told(generator, config, 40) <= _most(40)


@pytest.mark.slow
@pytest.mark.parametrize("name", WITHOUT)
def test_the_same_over_two_thousand_reports(name):
    generator, config = WITHOUT[name]
    assert _told(generator, config, 2000, seed=1) <= _most(2000)


RATES, TUNED = (0.001, 0.004, 0.016), 500
TUNING = comparison(
    cells="rnn,gru", lengths=(50,), remedies=("none", "clip_norm(1.0)", "orthogonal", "identity_start"), seeds=10,
    train={"steps": HORIZON, "learning_rates": RATES}, tuning={"seeds": 3, "seed": 1000, "steps": TUNED},
)  # fmt: skip


def _tuned(rng, config):
    """Outcomes of trainings that the learning rate decides, and no remedy; it is chosen on three seeds."""
    scales = dict(zip(RATES, rng.permutation([250, 400, 900]), strict=True))

    def trained(kind, rate, seed, horizon, tuning):
        time = 50 * int(np.ceil(rng.exponential(scales[rate]) / 50))
        return outcome(kind.remedy, seed, time if time <= horizon else None, horizon=horizon, tuning=tuning, rate=rate,
                       cell=kind.cell, length=50)  # fmt: skip

    seeds = range(1000, 1003)
    tuning = [trained(k, rate, seed, TUNED, True) for k in config.kinds for rate in RATES for seed in seeds]
    chosen = choose(tuning, config)
    rates = {kind: setting.learning_rate for kind, setting in chosen.items()}
    return [trained(k, rates[k], seed, HORIZON, False) for k in config.kinds for seed in range(config.seeds)]


def _told_after_tuning(reports, seed):
    rng = np.random.default_rng(seed)
    return sum(any(effect.told for effect in effects_of(_tuned(rng, TUNING), TUNING)) for _ in range(reports))


def test_a_rate_that_is_chosen_by_chance_makes_no_difference_of_a_remedy():
    assert _told_after_tuning(60, seed=0) <= _most(60)


@pytest.mark.slow
def test_the_same_over_a_thousand_reports():
    assert _told_after_tuning(1000, seed=1) <= _most(1000)


@pytest.mark.parametrize("lengths", [(50,), (50, 100)])
def test_a_large_difference_is_told_and_it_alone(lengths):
    config, rng = _study(10, lengths=lengths), np.random.default_rng(3)
    told = others = 0
    for _ in range(20):
        times = _censored(rng, config)
        times |= {
            k: np.ceil(rng.exponential(60, 10)) for k in config.kinds if (k.cell, k.remedy) == ("gru", "orthogonal")
        }
        sentences = [s for s in findings(report(config, times), {}, config) if _tells([s])]
        right = [s for s in sentences if s.startswith("gru with orthogonal solves the task")]
        told += any(" sooner than as it is" in s for s in right)
        others += len(sentences) > len(right)
    assert told >= 16 and others <= 3


def test_a_remedy_that_harms_is_told_as_such():
    config, rng = _study(10), np.random.default_rng(4)
    times = {k: np.full(10, 100.0) + rng.integers(0, 50, 10) for k in config.kinds}
    times |= {k: np.full(10, np.inf) for k in config.kinds if (k.cell, k.remedy) == ("rnn", "orthogonal")}
    (sentence,) = [s for s in findings(report(config, times), {}, config) if _tells([s])]
    assert sentence.startswith("rnn with orthogonal solves the task 8") and " later than as it is" in sentence
    assert "adding(50): 0 of 10 against 10 of 10" in sentence


def test_with_few_seeds_the_report_says_that_it_can_tell_nothing():
    config = _study(4)
    times = {k: np.full(4, 10.0 if k.remedy == "orthogonal" else np.inf) for k in config.kinds}
    sentences = findings(report(config, times), {}, config)
    assert not _tells([s for s in sentences if "cannot fall below" not in s])
    assert any("With 4 seeds and 6 comparisons no difference can be told, however large" in s for s in sentences)
    assert any("That takes 8 seeds" in s for s in sentences)
