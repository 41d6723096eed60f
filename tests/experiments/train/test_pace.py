import itertools

from experiments.train.pace import SECONDS_PER_CALL, Pace


def test_calls_grow_to_what_takes_a_moment_and_at_most_twofold():
    pace, done = Pace(), []
    pace.took(1, 100.0)  # compiles
    for _ in range(12):
        done.append(pace.steps)
        pace.took(pace.steps, pace.steps * 1e-3)
    assert done[0] == 1 and all(b <= 2 * a for a, b in itertools.pairwise(done))
    assert pace.steps == round(SECONDS_PER_CALL / 1e-3)


def test_where_a_step_takes_long_calls_do_one():
    pace = Pace()
    for _ in range(3):
        pace.took(pace.steps, 10.0)
    assert pace.steps == 1


def test_the_cost_of_a_step_leaves_out_what_compiles():
    pace = Pace()
    assert pace.seconds_per_step is None
    pace.took(1, 0.1)
    assert pace.seconds_per_step is None
    for seconds in (0.2, 0.4, 0.9):
        pace.steps = 2
        pace.took(2, seconds)
    assert pace.seconds_per_step == 0.2
