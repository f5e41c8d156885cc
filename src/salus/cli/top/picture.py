"""What is known of an agent at this moment: a fold of what it answered and of what happened. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias

Told: TypeAlias = Mapping[str, Any]

EVENTS_KEPT = 200
_NOTE_LASTS = 15.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """One round of questions, answered.

    Attributes:
        told: what was answered, by part: ``whole``, ``session``, ``checks``, ``policy``, ...; a part that may not be
            seen, or that this agent does not know, is not in it.
        at: when, by our wall clock.
        heard: when, by our monotonic clock.
    """

    told: Told
    at: datetime
    heard: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The last events, newest first, read afresh."""

    events: Sequence[Told]


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """One event, as it came."""

    event: Told


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """There was no answer."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """The stream of events has begun, or has ended."""

    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """Why the rules of a check act or do not, and its last looks; or why that cannot be told."""

    check: str
    rules: Sequence[Told] = ()
    looks: Sequence[Told] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of something that was asked for."""

    says: str
    good: bool
    heard: float


Fact: TypeAlias = Answers | Past | Happened | Lost | Listening | Explained | Done


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """All that is known.

    Attributes:
        told: the last answers, by part.
        events: newest first.
        skew: how far the agent's clock is ahead of ours.
        heard: when it answered last, by our monotonic clock.
        lost: why it does not answer now; empty when it does.
        listening: events come as they happen.
        explained: of the check that is looked at closely.
        done: what became of the last thing that was asked for.
    """

    told: Told
    events: tuple[Told, ...] = ()
    skew: timedelta = timedelta(0)
    heard: float = 0.0
    lost: str = ""
    listening: bool = False
    explained: Explained | None = None
    done: Done | None = None

    @property
    def agent(self) -> Told:
        """Return who speaks."""
        found: Told = self.told["whole"]["agent"]
        return found

    def part(self, name: str) -> Sequence[Told]:
        """Return a list that was answered; nothing where it may not be seen."""
        found: Sequence[Told] = self.told.get(name, ())
        return found

    def check(self, name: str) -> Told | None:
        """Return a check."""
        return next((one for one in self.part("checks") if one["name"] == name), None)

    @property
    def paused(self) -> bool:
        """Tell whether a person has paused all recovery, by the answer that ``holds`` shows: another may be older."""
        policy = self.told.get("policy")
        return bool(self.told["whole"].get("paused") if policy is None else policy["pause"])

    @property
    def role(self) -> str:
        """Return what whoever looks may do; empty for a stranger."""
        return str(self.told.get("session", {}).get("role") or "")

    @property
    def may_act(self) -> bool:
        """Tell whether whoever looks may do more than that."""
        return self.role in ("operator", "admin")

    def then(self, now: datetime) -> datetime:
        """Return what the agent's clock says now."""
        return now + self.skew

    def note(self, monotonic: float) -> Done | None:
        """Return what became of the last thing that was asked for, as long as that is news."""
        return self.done if self.done and monotonic - self.done.heard < _NOTE_LASTS else None


def fold(picture: Picture, fact: Fact) -> Picture:
    """Return the picture after one more fact."""
    match fact:
        case Answers():
            return _answered(picture, fact)
        case Past():
            return replace(picture, events=tuple(fact.events[:EVENTS_KEPT]))
        case Happened():
            if picture.events and fact.event["id"] <= picture.events[0]["id"]:
                return picture  # it was read already
            return replace(picture, events=(fact.event, *picture.events[: EVENTS_KEPT - 1]))
        case Lost():
            return replace(picture, lost=fact.why)
        case Listening():
            return replace(picture, listening=fact.on)
        case Explained():
            return replace(picture, explained=fact)
        case Done():
            return replace(picture, done=fact)


def _answered(picture: Picture, fact: Answers) -> Picture:
    agent = fact.told["whole"]["agent"]
    started = instant(agent["started_at"])
    skew = started + timedelta(seconds=agent["uptime"]) - fact.at if started else timedelta(0)
    after = replace(picture, told=fact.told, skew=skew, heard=fact.heard, lost="")
    if picture.told and picture.agent["started_at"] != agent["started_at"]:
        says = f"Salus was started anew, as pid {agent['pid']}"
        return replace(after, done=Done(says=says, good=True, heard=fact.heard))
    return after


def clean(value: Any) -> Any:
    """Return what was answered with every text as one line that does nothing to a terminal."""
    if isinstance(value, str):
        return value if value.isprintable() else _line(value)
    if isinstance(value, dict):
        return {clean(name): clean(one) for name, one in value.items()}
    if isinstance(value, list):
        return [clean(one) for one in value]
    return value


def _line(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def instant(text: object) -> datetime | None:
    """Read an instant from JSON."""
    return datetime.fromisoformat(text) if isinstance(text, str) else None
