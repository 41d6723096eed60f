"""What the numbers of a study say, in sentences made from them; each says only what they exclude the opposite of."""

import itertools

from experiments.gradient_flow.findings import carriers, reach, runs
from experiments.gradient_flow.results import StudyResults

GENERATORS = (
    runs.of_failures,
    reach.of_reach,
    reach.of_starts,
    reach.of_order,
    reach.of_training,
    reach.of_dips,
    carriers.of_weights,
    carriers.of_paths,
    carriers.of_alignment,
    runs.of_losses,
    runs.of_chaos,
    runs.of_costs,
)
"""What yields sentences of results, the most important first."""


def sentences(results: StudyResults) -> list[str]:
    """Returns findings."""
    return list(itertools.chain.from_iterable(generator(results) for generator in GENERATORS))
