import numpy as np
import pytest
from scipy import stats

from experiments.remedies.effects import base_of, effects_of, least_adjusted_p, rows_of, seeds_needed
from tests.experiments.remedies.made_up import comparison, kind, outcome

STEPS = {"steps": 1000}


def test_a_row_is_a_kind_and_lengths_are_not_pooled():
    config = comparison(remedies="none", lengths=(24, 48), train=STEPS)
    outcomes = [outcome("none", n, 100 + n) for n in range(5)]
    outcomes += [outcome("none", n, None, length=48) for n in range(5)]
    short, long = rows_of(outcomes, config)
    assert (short.kind.length, short.rate[:2], short.time.value) == (24, (5, 5), 102)
    assert (long.kind.length, long.rate[:2], long.time.value) == (48, (0, 5), 1000)


def test_seeds_are_paired_and_those_that_only_one_side_has_are_left_out():
    config = comparison(train=STEPS)
    outcomes = [outcome("none", n, 500 + 10 * n) for n in range(8)]
    outcomes += [outcome("clip_norm(1.0)", n, 400 + 10 * n) for n in range(1, 9)]
    (effect,) = effects_of(outcomes, config)
    assert (effect.seeds, effect.difference.mean, effect.difference.p) == (7, -100, 2 / 2**7)
    base, row = rows_of(outcomes, config)
    assert base.difference is None and (row.difference.low, row.difference.high) == (-100, -100)


def test_a_training_without_success_counts_with_all_its_steps_and_one_that_failed_not_at_all():
    config = comparison(train=STEPS)
    outcomes = [outcome("none", n, 200) for n in range(3)]
    outcomes += [outcome("clip_norm(1.0)", 0, None), outcome("clip_norm(1.0)", 1, 200)]
    outcomes += [outcome("clip_norm(1.0)", 2, None)._replace(ended="failed")]
    (effect,) = effects_of(outcomes, config)
    assert (effect.seeds, effect.difference.mean) == (2, 400)


def test_a_seed_counts_with_its_mean_over_lengths_and_p_values_are_adjusted_for_all_cells():
    config = comparison(cells="rnn,gru", lengths=(24, 48), train=STEPS)
    rng = np.random.default_rng(0)
    times = {(k, n): int(t) for k in config.kinds for n, t in enumerate(rng.integers(1, 1000, 9))}
    outcomes = [outcome(k.remedy, n, t, cell=k.cell, length=k.length) for (k, n), t in times.items()]
    effects = effects_of(outcomes, config)
    assert [(e.cell, e.remedy) for e in effects] == [("rnn", "clip_norm(1.0)"), ("gru", "clip_norm(1.0)")]
    raw = []
    for effect in effects:
        of = lambda remedy, n, cell=effect.cell: np.mean([times[kind(remedy, cell, k), n] for k in (24, 48)])
        differences = [of("clip_norm(1.0)", n) - of("none", n) for n in range(9)]
        assert effect.difference.mean == pytest.approx(np.mean(differences))
        expected = stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=2**9)
        raw.append(expected.pvalue)
        assert effect.difference.p == pytest.approx(expected.pvalue)
    least, most = sorted(raw)
    assert sorted(e.p for e in effects) == pytest.approx([2 * least, max(2 * least, most)])


def test_without_none_the_first_remedy_is_what_the_others_are_compared_with():
    config = comparison(cells="rnn,lstm", remedies="forget_bias(1),clip_norm(1.0),orthogonal")
    assert base_of("lstm", 3, config) == "forget_bias(1)" and base_of("rnn", 3, config) == "clip_norm(1.0)"


def test_how_many_seeds_it_takes_follows_from_the_number_of_comparisons():
    config = comparison(cells="rnn,gru", remedies="none,clip_norm(1.0),orthogonal,identity_start", train=STEPS)
    outcomes = [outcome(k.remedy, n, 10, cell=k.cell) for k in config.kinds for n in range(5)]
    effects = effects_of(outcomes, config)
    assert (
        least_adjusted_p(effects) == 6 * 2 / 2**5 and seeds_needed(effects) == 8 and 6 * 2 / 2**8 <= 0.05 < 6 * 2 / 2**7
    )
    assert least_adjusted_p([]) == 1
