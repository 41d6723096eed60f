from experiments.training.names import names
from recurrax import LSTM
from recurrax.catalogue import make_cell, make_task


def test_what_is_listed_can_be_made():
    found = names()
    assert list(found) == ["cells", "wrappers", "tasks", "remedies"]
    assert found["cells"]["lstm"] is LSTM and isinstance(make_cell("lstm", hidden_size=2), found["cells"]["lstm"])
    assert isinstance(make_task("adding"), found["tasks"]["adding"]) and "clip_norm" in found["remedies"]
    assert list(names("tasks")) == ["tasks"]
