"""How many training steps a call does: as many as take a moment, so that SIGTERM is heard in time."""

import statistics

SECONDS_PER_CALL = 0.5
"""About how long a training is deaf for SIGTERM."""


class Pace:
    """Learns from each call how many steps the next one may do.

    Attributes:
      steps: of the next call.
    """

    def __init__(self):
        self.steps = 1
        self._seconds: list[float] = []

    def took(self, steps: int, seconds: float) -> None:
        """Tells how long a call took; calls grow to twice as many steps at most."""
        per_step = seconds / steps
        if self.steps > 1:  # the first call compiles
            self._seconds.append(per_step)
        self.steps = max(1, min(2 * self.steps, int(SECONDS_PER_CALL / per_step)))

    @property
    def seconds_per_step(self) -> float | None:
        """Median of the calls; None where too few were done to tell."""
        return statistics.median(self._seconds) if self._seconds else None
