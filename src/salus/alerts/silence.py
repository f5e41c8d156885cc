"""Stage: somebody does not want to hear of it for a while, or has ended it by hand."""

from __future__ import annotations

from salus.alerts.stage import Case, Word
from salus.matchers import matches
from salus.model import Silence


def dismissed(case: Case) -> Word | None:
    """Keep quiet about what a person resolved by hand while it lasts."""
    return Word(case.alert.resolution) if case.alert.dismissed else None


def silenced(case: Case) -> Word | None:
    """Keep quiet while a silence holds; of several, the one that ends last speaks."""
    found = [one for one in case.silences if holds(one, case) and matches(one.match, case.alert.labels)]
    if not found:
        return None
    silence = max(found, key=lambda one: (one.until, one.id))
    by = f" by {silence.by}" if silence.by else ""
    return Word(f"silence {silence.id}{by}{f': {silence.comment}' if silence.comment else ''}", silence.until)


def holds(silence: Silence, case: Case) -> bool:
    """Tell whether a silence holds at this moment: from its first instant to before its last."""
    return silence.since <= case.now < silence.until
