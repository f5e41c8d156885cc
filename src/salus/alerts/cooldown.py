"""Stage: it was told a moment ago, ended, and is back: told again when its cooldown has passed."""

from __future__ import annotations

from datetime import timedelta

from salus.alerts.stage import Case, Word
from salus.units import format_duration


def cooling_down(case: Case) -> Word | None:
    """Keep quiet about what was told to this channel within the cooldown of its rule."""
    if not case.cooldown or case.told_before is None:
        return None
    until = case.told_before + timedelta(seconds=case.cooldown)
    if case.now >= until:
        return None
    return Word(f"it was told less than {format_duration(case.cooldown)} ago", until)
