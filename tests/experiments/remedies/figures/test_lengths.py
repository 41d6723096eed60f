from experiments.remedies.figures.lengths import lengths
from tests.experiments.remedies.made_up import comparison, outcome


def test_a_row_of_its_table_is_a_remedy_at_a_length():
    config = comparison(lengths=(24, 48), seeds=2, train={"steps": 1000})
    outcomes = [outcome("none", n, t) for n, t in enumerate((100, 300))] + [outcome("none", 0, None, length=48)]
    outcomes += [outcome("clip_norm(1.0)", 0, 500)]
    drawing = lengths(outcomes, config)
    assert drawing.table["remedy"] == ["none", "none", "clip_norm(1.0)"]
    assert drawing.table["length_steps"] == [24, 48, 24] and drawing.table["solved"] == [2, 0, 1]
    assert drawing.table["mean_time_steps"] == [200, 1000, 500] and drawing.table["trainings"] == [2, 1, 1]
