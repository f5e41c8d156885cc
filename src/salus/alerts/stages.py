"""The list of stages between an alert and those who are told of it: the first that hushes it decides."""

from __future__ import annotations

from salus.alerts import cooldown, inhibit, silence, windows
from salus.alerts.stage import Case, Stage
from salus.model import Hush, Suppression

STAGES: tuple[Stage, ...] = (
    Stage(Suppression.DISMISSED, "Has nobody ended it by hand?", silence.dismissed),
    Stage(Suppression.SILENCED, "Does no silence match it?", silence.silenced),
    Stage(Suppression.MAINTENANCE, "Is nobody working on it?", windows.maintenance),
    Stage(Suppression.MUTED, "Is its route active at this hour?", windows.muted),
    Stage(Suppression.DEPENDENCY, "Is nothing wrong that it depends on?", inhibit.dependency),
    Stage(Suppression.INHIBITED, "Does no other alert say it all?", inhibit.inhibited),
    Stage(Suppression.COOLING_DOWN, "Was it not told a moment ago?", cooldown.cooling_down),
)


def hush(case: Case) -> Hush | None:
    """Return why an alert is not told now, or None when it is."""
    return next((found for stage in STAGES if (found := stage.hush(case))), None)
