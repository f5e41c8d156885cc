"""How something that was asked for went well, in a line: each kind of answer of the API says it in its own words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from salus.model import Json
from salus.surfaces.dashboard.words import absolute, counted

Told: TypeAlias = Mapping[str, Json]


def in_words(told: Told) -> str:
    """Return what a good answer says by itself, or what it is about; the first shape that fits decides."""
    for names, say in _SHAPES:
        if told.keys() >= names:
            return say(told)
    return str(told.get("message") or "done")


def _token(told: Told) -> str:
    if "token" in told:
        return f"made the token {told['name']}: it is shown this once"
    return f"the token {told['name']} is refused from now on"


def _recovery(told: Told) -> str:
    return _with_message(f"{told['rule']}: {told['outcome'] or 'the recovery has begun'}", told)


def _service(told: Told) -> str:
    return f"{told['name']} is {told['state']}"


def _look(told: Told) -> str:
    return _with_message(f"looked: {told['status']}", told)


def _silence(told: Told) -> str:
    if not isinstance(count := told.get("alerts"), int):
        return f"the silence of {told['match']} has ended"
    return f"{told['match']} is silenced until {_until(told)}: {counted(count, 'alert')} now"


def _alert(told: Told) -> str:
    return f"{told['summary']}: {told['state']}"


def _window(told: Told) -> str:
    return f"maintenance {told['name']} is open until {_until(told)}"


def _pause(told: Told) -> str:
    until = f"until {_until(told)}" if told["until"] else "until it is resumed"
    return f"{told['check']} is set aside {until}" if told.get("check") else f"paused {until}"


def _until(told: Told) -> str:
    return absolute(str(told["until"]))


def _with_message(said: str, told: Told) -> str:
    return f"{said}, {told['message']}" if told.get("message") else said


# What an answer is, by the names that stand in it; what has more of them comes first.
_SHAPES: tuple[tuple[frozenset[str], Callable[[Told], str]], ...] = (
    (frozenset({"role", "created_at", "name"}), _token),
    (frozenset({"outcome", "rule"}), _recovery),
    (frozenset({"state", "wanted", "name"}), _service),
    (frozenset({"status", "duration"}), _look),
    (frozenset({"match", "until"}), _silence),
    (frozenset({"fingerprint", "summary", "state"}), _alert),
    (frozenset({"members", "until", "name"}), _window),
    (frozenset({"since", "until", "reason", "by"}), _pause),
)
