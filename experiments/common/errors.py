"""Errors that a user can do something about."""

import difflib
from collections.abc import Iterable


class ExperimentError(Exception):
    """What went wrong and what to do about it, for the user: at most three lines, shown without a traceback."""

    status = 2
    """Exit status that it leads to."""


class Diverged(ExperimentError):
    """A loss or a gradient is no longer finite."""

    status = 3


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Returns a sentence with the names in `known` that resemble `name`, or nothing.

    Of dotted names the last part counts as well: who types `lr` may mean `train.lr`.

        >>> did_you_mean("lr", ["seed", "train.lr", "train.steps"])
        ' Did you mean train.lr?'
    """
    known = list(known)
    by_ending: dict[str, list[str]] = {}
    for candidate in known:
        by_ending.setdefault(candidate.rpartition(".")[2], []).append(candidate)
    close = difflib.get_close_matches(name, known)
    for ending in difflib.get_close_matches(name.rpartition(".")[2], by_ending):
        close += by_ending[ending]
    close = list(dict.fromkeys(close))[:3]
    return f" Did you mean {' or '.join(close)}?" if close else ""
