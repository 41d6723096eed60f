import math

from experiments.remedies.tables import effect_rows, summary_rows, table
from recurrax.tasks.task import Chance
from tests.experiments.remedies.made_up import comparison, kind, outcome

CHANCE = Chance(0.167, 0.92)
STEPS = {"steps": 1000}


def test_the_table_has_a_row_for_every_kind_and_nothing_where_nothing_was_measured():
    outcomes = [outcome("none", n, None)._replace(log_norms={}, loss=math.nan) for n in range(2)]
    outcomes += [outcome("clip_norm(1.0)", n, 200, reach=-2 * math.log(10)) for n in range(2)]
    config = comparison(seeds=2, train=STEPS)
    chance = dict.fromkeys(config.kinds, CHANCE)
    none, clip = table(outcomes, chance, {kind("clip_norm(1.0)"): 2.0}, config).rows
    assert none[2:8] == ("none", "0.01", "0 of 2 (0% to 66%)", "over 1000", "", "") and none[9:] == ("", "", "", "0")
    assert clip[4:6] == ("2 of 2 (34% to 100%)", "200 ± 0") and clip[6] == "-800 (unbounded)"
    assert clip[7:9] == ("0.1 (0.1 to 0.1)", "0.17") and clip[10:12] == ("2", "0.4")


def test_csv_rows_hold_what_the_tables_say():
    outcomes = [outcome(r, n, 300 if r == "none" else 200) for r in ("none", "clip_norm(1.0)") for n in range(6)]
    config = comparison(seeds=6, train=STEPS)
    chance = dict.fromkeys(config.kinds, CHANCE)
    none, clip = summary_rows(outcomes, chance, {}, config)
    assert none[:7] == (*kind(), "none", 0.01) and none[7:9] == (6, 6) and none[11] == 300 and none[13] is None
    assert clip[13:16] == (-100, -100, -100)
    ((*names, mean, _, _, p, _, adjusted),) = effect_rows(outcomes, config)
    assert names == ["rnn", 3, "clip_norm(1.0)", "none", 6] and (mean, p, adjusted) == (-100, 2 / 64, 2 / 64)
