from experiments.remedies.findings import findings, table
from experiments.remedies.results import ranking
from tests.experiments.remedies.made_up import comparison, outcome

REMEDIES = ("none", "orthogonal", "gaussian_start", "clip_norm")


def test_a_finding_says_whether_the_intervals_overlap():
    config = comparison(seeds=10)
    few = [outcome("none", n, None) for n in range(10)]
    many = [outcome("clip_norm(1.0)", n, 10) for n in range(10)]
    assert "the intervals do not overlap" in findings(ranking(few + many), few + many, config)[0]
    one = [outcome("clip_norm(1.0)", n, 10 if n == 0 else None) for n in range(10)]
    assert "overlap: more seeds" in findings(ranking(few + one), few + one, config)[0]
    plain = [outcome("none", n, 10) for n in range(10)]
    assert "no remedy solved more" in findings(ranking(plain + one), plain + one, config)[0]
    late = [outcome("none", n, 40) for n in range(10)]
    sentence = findings(ranking(late + many), late + many, config)[0]
    assert "with clip_norm(1.0) as many trainings solved their task as as it is" not in sentence
    assert "and sooner: after 10 (10 to 10) steps in the median, against 40 (40 to 40)" in sentence
    neither = [outcome(remedy, n, None) for remedy in ("none", "clip_norm(1.0)") for n in range(10)]
    assert "as it is 0 of 10" in findings(ranking(neither), neither, config)[0]


def test_what_diverged_and_what_does_not_apply_is_told():
    outcomes = [outcome("none", 0, None)._replace(ended="diverged"), outcome("none", 1, 5)]
    sentences = findings(ranking(outcomes), outcomes, comparison())
    assert "rnn: left out, since they do not apply: clip_norm(1.0)." in sentences
    assert "1 of 2 trainings diverged; they count as not solved." in sentences


def test_reach_is_compared_with_success_where_there_is_enough_of_both():
    outcomes = [
        outcome(name, seed, 10 if seed < n else None, reach=n) for n, name in enumerate(REMEDIES) for seed in (0, 1, 2)
    ]
    config = comparison(seeds=3, remedies=REMEDIES)
    assert any("rank coefficient +1.00" in sentence for sentence in findings(ranking(outcomes), outcomes, config))


def test_the_table_has_a_row_for_every_pair_and_nothing_where_nothing_was_measured():
    outcomes = [outcome("none", 0, None)._replace(log_norms={}), outcome("clip_norm(1.0)", 0, 20, reach=-2.0)]
    first, second = table(ranking(outcomes)).rows
    assert first[:6] == ("1", "rnn", "clip_norm(1.0)", "1 of 1 (21% to 100%)", "20 (20 to 20)", "-2.0")
    assert second[2:6] == ("none", "0 of 1 (0% to 79%)", "", "")
