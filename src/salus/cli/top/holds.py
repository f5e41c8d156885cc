"""What keeps Salus from healing, beyond single rules, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from salus.cli.output import ago
from salus.cli.top.picture import Picture, Told, instant

_MODES = {"observe": "nothing is done, only told", "approve": "a person is asked first"}


def holds(picture: Picture, now: datetime) -> Iterator[str]:
    """Say what holds healing, the most serious first."""
    agent = picture.agent
    if agent["healing_off"]:
        yield f"healing is off: {agent['healing_off']}"
    for problem in agent["problems"]:
        yield f"problem: {problem}"
    if "policy" in picture.told:
        yield from _by_people(picture.told["policy"], now)
        yield from _by_itself(picture.told["policy"])
    elif picture.paused:
        yield "paused: Salus acts on nothing by itself"


def _by_people(policy: Told, now: datetime) -> Iterator[str]:
    if pause := policy["pause"]:
        yield f"paused{_by(pause)}{_until(pause, now)}: Salus acts on nothing by itself (p lets it go on)"
    for window in policy["maintenance"]:
        begun = instant(window["since"])
        if begun and begun <= now:
            yield f"maintenance {window['name']}{_by(window)}{_until(window, now)}"
    if policy["mode"] in _MODES:
        yield f"mode {policy['mode']}: {_MODES[policy['mode']]}"


def _by_itself(policy: Told) -> Iterator[str]:
    for one in policy["brakes"]:
        yield f"storm brake on {one['scope']}: too much failed together"
    for one in policy["circuits"]:
        yield f"action {one['action']} keeps failing: it is not used for a while"
    if policy["overload"]:
        yield f"overloaded: {policy['overload']}"


def _by(held: Told) -> str:
    said = ": ".join(part for part in (held["by"], held["reason"]) if part)
    return f" ({said})" if said else ""


def _until(held: Told, now: datetime) -> str:
    end = instant(held["until"])
    return f", ends {ago(max(end, now), now)}" if end else ""
