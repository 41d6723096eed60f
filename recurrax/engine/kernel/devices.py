"""Which implementation goes with the device that JAX runs on: the one file that knows them all."""

from recurrax.engine.kernel.hopper.implementation import Hopper
from recurrax.engine.kernel.implementation import Implementation

IMPLEMENTATIONS: tuple[Implementation, ...] = (Hopper(),)
"""All that run faster than JAX's own loops; the first that is available is taken."""


def implementation_here() -> Implementation:
    """Returns the implementation for this device; where there is none, the first one, which says why."""
    return next((one for one in IMPLEMENTATIONS if one.unavailable() is None), IMPLEMENTATIONS[0])
