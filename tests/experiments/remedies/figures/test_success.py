from experiments.remedies.figures.success import success
from tests.experiments.remedies.made_up import comparison, outcome


def test_a_row_of_its_table_is_a_remedy_at_a_length_and_who_has_none_is_left_out():
    outcomes = [outcome("none", 0, None), outcome("none", 1, 10), outcome("clip_norm(1.0)", 0, 4)]
    config = comparison(lengths=(4,), tasks="copy", remedies="none,clip_norm(1.0),orthogonal")
    outcomes = [o._replace(trial=o.trial._replace(task="copy")) for o in outcomes]
    drawing = success(outcomes, config)
    assert drawing.table["remedy"] == ["none", "clip_norm(1.0)"] and drawing.table["solved"] == [1, 1]
    assert drawing.table["trainings"] == [2, 1] and drawing.table["solved_after_median_steps"] == [10.0, 4.0]
    (legend,) = drawing.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["none", "clip_norm(1.0)"]
