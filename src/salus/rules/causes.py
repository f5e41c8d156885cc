"""Checks that fail alike are blamed on what they share: a program, a port, a resolver, and not on the services.

1. *Cannot tell*: at least ``ALIKE`` checks of one kind are ``unknown`` for one cause. They are named together. Nothing
   has to be held: what is unknown heals nothing.
2. *Bad*: at least ``SHARE`` of all checks of one kind that share one thing (their ``shares``) turned bad within the
   window, and they look at ``ALIKE`` targets or more. The rules of these checks are held.
3. A hold ends by itself, target by target: the first (by name) may be healed ``hold`` seconds after the blame, the
   second after three times that, then seven, and so on, each wait at most ``hold_max``. So a wrong blame costs time and
   never a service; and as soon as one of them passes, what they share works, and the blame is over for all.

``Suspect`` is what is known of one failing check, ``blame`` judges a whole set of them, and ``Tally`` does the same one
look at a time, at the cost of that look's own group.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

from salus.model import Cause, Limits

ALIKE = 3
SHARE = 0.8

# What stands behind some causes, whatever is looked at.
_BEHIND: Mapping[str, str] = {
    Cause.NO_DESCRIPTORS: "the file descriptors of Salus and of this host",
    Cause.NO_MEMORY: "the memory of this host",
    Cause.NO_THREADS: "the threads of Salus",
    Cause.NO_PORTS: "the local ports of this host",
    Cause.NO_ROUTE: "the network of this host",
    Cause.DNS: "the resolver",
    Cause.PROXY: "the proxy",
    Cause.PERMISSION: "the rights of the user that Salus runs as",
    Cause.HELPER: "the process that touches paths for Salus",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A check whose newest look could not tell, or was bad.

    Attributes:
        check: its name.
        kind: its kind.
        target: what a recovery of it would hold.
        since: when the run of such looks began.
        unknown: it could not tell; else it is bad.
        cause: what failed, in one word; may be empty.
        share: what it shares with others of its kind, such as a program or a port; may be empty.
    """

    check: str
    kind: str
    target: str
    since: datetime
    unknown: bool = False
    cause: str = ""
    share: str = ""


class Key(NamedTuple):
    """What makes suspects alike: a kind, and a cause (of unknown looks) or a shared thing (of bad ones)."""

    kind: str
    word: str
    unknown: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedCause:
    """Checks of one kind that fail together, and what is blamed for it.

    Attributes:
        key: what makes them alike.
        text: one line for people.
        members: the checks, by name.
        begun: since when the first of them fails.
        since: since when the last of them fails.
        free: for each target that is held, from when it may be healed; empty where nothing is held.
    """

    key: Key
    text: str
    members: tuple[str, ...]
    begun: datetime
    since: datetime
    free: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Tell whether it keeps rules from acting."""
        return bool(self.free)

    def until(self, target: str, now: datetime) -> datetime | None:
        """Return until when a target is held; None when it is not."""
        free = self.free.get(target)
        return free if free is not None and now < free else None


Population: TypeAlias = Mapping[tuple[str, str], int]


def group_of(suspect: Suspect) -> Key | None:
    """Return the group that a suspect belongs to; None when nothing could be shared, or it is told already."""
    word = suspect.cause if suspect.unknown else suspect.share
    if suspect.unknown and word == Cause.OVERLOADED:
        return None
    return Key(suspect.kind, word, suspect.unknown) if word else None


def blame(
    suspects: Iterable[Suspect],
    population: Population,
    limits: Limits,
    acquitted: Mapping[Key, datetime] | None = None,
) -> tuple[SharedCause, ...]:
    """Judge a whole set of suspects; their order does not matter.

    Args:
        suspects: at most one for each check; healthy checks are none.
        population: how many checks there are, failing or not, by (kind, share).
        limits: ``storm_window``, ``storm_hold`` and ``storm_hold_max``.
        acquitted: when a check of a group last passed while the group was blamed; older suspicions are void.
    """
    groups: dict[Key, list[Suspect]] = {}
    for suspect in suspects:
        if key := group_of(suspect):
            groups.setdefault(key, []).append(suspect)
    cleared = acquitted or {}
    found = (judge(key, group, population, limits, cleared.get(key)) for key, group in sorted(groups.items()))
    return tuple(cause for cause in found if cause)


def judge(
    key: Key, group: Iterable[Suspect], population: Population, limits: Limits, acquitted: datetime | None = None
) -> SharedCause | None:
    """Judge the suspects of one group."""
    suspects = sorted(group, key=lambda suspect: suspect.check)
    if not key.unknown:
        suspects = _together(suspects, limits.storm_window, acquitted)
    if len(suspects) < ALIKE:
        return None
    targets = sorted({suspect.target for suspect in suspects})
    if key.unknown:
        return _named(key, suspects, {})
    if len(targets) < ALIKE or len(suspects) < SHARE * population.get((key.kind, key.word), 0):
        return None
    return _named(key, suspects, _freed(targets, max(suspect.since for suspect in suspects), limits))


def _together(suspects: list[Suspect], window: float, acquitted: datetime | None) -> list[Suspect]:
    """Keep those that turned bad together with the newest, and after the group was last acquitted."""
    fresh = [suspect for suspect in suspects if acquitted is None or suspect.since > acquitted]
    if not fresh:
        return fresh
    begin = max(suspect.since for suspect in fresh) - timedelta(seconds=window)
    return [suspect for suspect in fresh if suspect.since >= begin]


def _freed(targets: list[str], since: datetime, limits: Limits) -> dict[str, datetime]:
    free: dict[str, datetime] = {}
    at, wait = since, limits.storm_hold
    for target in targets:
        at += timedelta(seconds=wait)
        free[target] = at
        wait = min(2 * wait, max(limits.storm_hold, limits.storm_hold_max))
    return free


def _named(key: Key, suspects: list[Suspect], free: Mapping[str, datetime]) -> SharedCause:
    shares = {suspect.share for suspect in suspects}
    causes = sorted({suspect.cause for suspect in suspects if suspect.cause})
    how = f" ({', '.join(causes[:3])}{', ...' if len(causes) > 3 else ''})" if causes else ""
    shared = _BEHIND.get(key.word, "") if key.unknown else key.word
    if not shared and len(shares) == 1:
        shared = min(shares)
    what = f"what they share is {shared}" if shared else "look for what they have in common"
    return SharedCause(
        key=key,
        text=f"{len(suspects)} {key.kind} checks fail alike{how}: {what}; the services are not to blame",
        members=tuple(suspect.check for suspect in suspects),
        begun=min(suspect.since for suspect in suspects),
        since=max(suspect.since for suspect in suspects),
        free=free,
    )


# ── one look at a time ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A check as a tally knows it: its kind, what it shares with others of its kind, and its target."""

    kind: str
    target: str
    share: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What one look changed: causes found, and causes that are gone."""

    found: tuple[SharedCause, ...] = ()
    gone: tuple[SharedCause, ...] = ()


NO_CHANGE = Change()


class Tally:
    """The suspects of this moment by group, and what is blamed. A good look at a good check costs two look-ups.

    A check that was bad and now cannot tell stays a suspect for being bad: that was not taken back.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        """Suspect nobody yet."""
        self.limits = limits or Limits()
        self._members: Mapping[str, Member] = {}
        self._population: dict[tuple[str, str], int] = {}
        self._suspects: tuple[dict[str, Suspect], dict[str, Suspect]] = ({}, {})  # bad ones, unknown ones
        self._groups: dict[Key, dict[str, Suspect]] = {}
        self._acquitted: dict[Key, datetime] = {}
        self._causes: dict[Key, SharedCause] = {}

    def resize(self, members: Mapping[str, Member]) -> Change:
        """Take a new set of checks; what left, or is no longer the same, is no suspect."""
        changed = [name for name, old in self._members.items() if members.get(name) != old]
        self._members = dict(members)
        self._population = {}
        for member in members.values():
            place = (member.kind, member.share)
            self._population[place] = self._population.get(place, 0) + 1
        for name in changed:
            self._remove(name, unknown=False)
            self._remove(name, unknown=True)
        self._acquitted = {key: at for key, at in self._acquitted.items() if (key.kind, key.word) in self._population}
        return self._settled(set(self._groups) | set(self._causes))

    def well(self, check: str, now: datetime) -> Change:
        """Hear that a check has passed."""
        bad, unknown = self._remove(check, unknown=False), self._remove(check, unknown=True)
        if bad is None and unknown is None:
            return NO_CHANGE
        if bad and (key := group_of(bad)) and key in self._causes:
            self._acquitted[key] = now
            self._groups[key] = {name: other for name, other in self._groups[key].items() if other.since > now}
        return self._settled(group_of(suspect) for suspect in (bad, unknown) if suspect)

    def bad(self, check: str, since: datetime, cause: str) -> Change:
        """Hear that a check is bad, and since when."""
        could_not_tell = self._remove(check, unknown=True)
        change = self._suspect(check, since, cause, unknown=False)
        return change if could_not_tell is None else _both(change, self._settled([group_of(could_not_tell)]))

    def unknown(self, check: str, since: datetime, cause: str) -> Change:
        """Hear that a check could not tell; ``since`` counts when it could before."""
        old = self._suspects[True].get(check)
        return self._suspect(check, old.since if old else since, cause, unknown=True)

    def causes(self) -> tuple[SharedCause, ...]:
        """Return all that is blamed now, as it is now."""
        now = ((key, self._judged(key)) for key in sorted(self._causes))
        return tuple(cause for _, cause in now if cause)

    def holding(self, check: str, now: datetime) -> tuple[str, datetime] | None:
        """Return the words and the end of what keeps a check from being healed; None when nothing does."""
        suspect = self._suspects[False].get(check) if self._causes else None
        key = group_of(suspect) if suspect else None
        if suspect is None or key is None or check not in self._groups.get(key, ()):
            return None
        if (cause := self._causes.get(key)) is None:
            return None
        until = cause.free.get(suspect.target) or max(cause.free.values())  # one that joined goes last
        return (cause.text, until) if now < until else None

    def shift(self, by: timedelta) -> None:
        """Follow a jump of the wall clock."""
        for suspects in self._suspects:
            suspects.update({name: replace(one, since=one.since + by) for name, one in suspects.items()})
        for key, group in self._groups.items():
            group.update({name: self._suspects[key.unknown][name] for name in group})
        self._acquitted = {key: at + by for key, at in self._acquitted.items()}
        self._causes = {key: cause for key in self._causes if (cause := self._judged(key))}

    def _suspect(self, check: str, since: datetime, cause: str, *, unknown: bool) -> Change:
        member, old = self._members.get(check), self._suspects[unknown].get(check)
        if member is None or (old and old.cause == cause and old.since == since):
            return NO_CHANGE
        kind, target, share = member.kind, member.target, member.share
        new = Suspect(check=check, kind=kind, target=target, since=since, unknown=unknown, cause=cause, share=share)
        self._remove(check, unknown=unknown)
        self._suspects[unknown][check] = new
        key = group_of(new)
        if key is None or (key in self._acquitted and since <= self._acquitted[key]):
            return self._settled([group_of(old) if old else None])
        self._groups.setdefault(key, {})[check] = new
        return self._settled([group_of(old) if old else None, key], joined=since)

    def _remove(self, check: str, *, unknown: bool) -> Suspect | None:
        old = self._suspects[unknown].pop(check, None)
        if old and (key := group_of(old)):
            group = self._groups.get(key, {})
            group.pop(check, None)
            if not group:
                self._groups.pop(key, None)
        return old

    def _settled(self, keys: Iterable[Key | None], joined: datetime | None = None) -> Change:
        """Judge these groups anew; one that a suspect of that ``since`` only ``joined`` may need no new judgement."""
        found: list[SharedCause] = []
        gone: list[SharedCause] = []
        for key in sorted({key for key in keys if key}):
            old = self._causes.get(key)
            if old and self._stands(key, old, joined):
                continue
            if new := self._judged(key):
                self._causes[key] = new
            if new and not old:
                found.append(new)
            elif old and not new:
                gone.append(self._causes.pop(key))
        return Change(tuple(found), tuple(gone)) if found or gone else NO_CHANGE

    def _stands(self, key: Key, old: SharedCause, joined: datetime | None) -> bool:
        """Tell at no cost, where that can be told, that a blame stands: an outage may be large."""
        if key.unknown:
            return len(self._groups.get(key, ())) >= ALIKE
        return joined is not None and old.begun <= joined <= old.begun + timedelta(seconds=self.limits.storm_window)

    def _judged(self, key: Key) -> SharedCause | None:
        group = self._groups.get(key, {})
        needed = ALIKE if key.unknown else max(ALIKE, SHARE * self._population.get((key.kind, key.word), 0))
        if len(group) < needed:
            return None
        return judge(key, group.values(), self._population, self.limits, self._acquitted.get(key))


def _both(one: Change, other: Change) -> Change:
    return Change(one.found + other.found, one.gone + other.gone)
