"""The columns of every CSV that a study writes: one meaning for one name, in one place.

Names are lower-case words; the unit comes last where there is one. Logarithms are natural, in nats. Steps, seeds and
units count from 0.
"""

COLUMNS = {
    "cell": "cell, as figures call it",
    "seed": "seed of the network",
    "training_step": "training steps done",
    "distance_steps": "time steps back from the loss",
}
"""What stands in a column, by its name."""
