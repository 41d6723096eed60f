"""Errors that a user can do something about."""


class ExperimentError(Exception):
    """What went wrong and what to do about it, for the user: at most three lines, shown without a traceback."""

    status = 2
    """Exit status that it leads to."""


class Failed(ExperimentError):
    """A part of the work failed; the rest is done and reported."""

    status = 1


class Diverged(ExperimentError):
    """A loss or a gradient is no longer finite."""

    status = 3
