"""The storm brake: too many targets that turned bad together are not healed one by one.

off ──(share of newly bad targets)──> on ──(hold passed)──> half-open: one recovery goes through
 ^                                    ^  └──(the trouble eased)──> off
 └────────────(it helped)─────────────┴──────────(it did not help: hold doubles)

``Tally`` counts; ``engage``, ``blocked``, ``probed`` and ``eased`` are the steps. Targets are counted, not checks: five
checks of one service that dies are one trouble. What is explained by a failing dependency, and what is known to have
ended, is not counted.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from salus.model import Brake, Limits
from salus.rules.situation import Hold

EVERYTHING = "all"
_NAMES = 5
_NONE: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Scope:
    """What is bad within one scope. Counted as it comes: a storm of ten thousand must not be counted anew by each.

    Attributes:
        size: how many targets there are.
        bad: each bad target with the checks that say so.
        recent: the turns to bad within the window, oldest first.
        turns: how many of them each target made.
        newly: the targets that turned bad within the window and still are.
    """

    size: int = 0
    bad: dict[str, set[str]] = field(default_factory=dict)
    recent: deque[tuple[datetime, str]] = field(default_factory=deque)
    turns: Counter[str] = field(default_factory=Counter)
    newly: set[str] = field(default_factory=set)

    def turned(self, target: str, check: str, at: datetime, *, newly: bool) -> None:
        """Count a turn to bad."""
        if newly and target not in self.bad:
            self.recent.append((at, target))
            self.turns[target] += 1
        self.bad.setdefault(target, set()).add(check)
        if target in self.turns:
            self.newly.add(target)

    def well(self, target: str, check: str) -> bool:
        """Count a check no longer; tell whether it was counted."""
        checks = self.bad.get(target, _NONE)
        if check not in checks:
            return False
        self.bad[target].discard(check)
        if not self.bad[target]:
            del self.bad[target]
            self.newly.discard(target)
        return True

    def forget_before(self, begin: datetime) -> None:
        """Let go of the turns that are out of the window."""
        while self.recent and self.recent[0][0] <= begin:
            _, target = self.recent.popleft()
            self.turns[target] -= 1
            if not self.turns[target]:
                del self.turns[target]
                self.newly.discard(target)


class Tally:
    """Counts, per scope, the targets that are bad, and those that turned bad within the window."""

    def __init__(self) -> None:
        """Count nothing yet."""
        self._scopes: dict[str, _Scope] = {}
        self._where: dict[str, tuple[str, tuple[str, ...]]] = {}

    def resize(self, checks: Mapping[str, tuple[str, tuple[str, ...]]]) -> None:
        """Take a new set of checks: name -> (target, scopes besides ``all``). What left is no longer bad."""
        for check in [check for check in self._where if checks.get(check) != self._where[check]]:
            self.well(check)
        members: dict[str, set[str]] = {EVERYTHING: set()}
        for target, scopes in checks.values():
            members[EVERYTHING].add(target)
            for scope in scopes:
                members.setdefault(scope, set()).add(target)
        self._where = dict(checks)
        self._scopes = {name: self._scopes.get(name, _Scope()) for name in members}
        for name, kept in self._scopes.items():
            kept.size = len(members[name])

    def scopes(self, check: str) -> tuple[str, ...]:
        """Return the scopes that a check is counted in."""
        return (EVERYTHING, *self._where[check][1]) if check in self._where else ()

    def turned_bad(self, check: str, at: datetime, *, newly: bool = True) -> None:
        """Count a check that is bad; ``newly`` when it was well before, so that it counts towards a storm."""
        if check not in self._where:
            return
        target = self._where[check][0]
        for name in self.scopes(check):
            self._scopes[name].turned(target, check, at, newly=newly)

    def well(self, check: str) -> bool:
        """Count a check no longer: it is well, or its trouble is explained. Tells whether it was counted."""
        if check not in self._where:
            return False
        target = self._where[check][0]
        counted = [self._scopes[name].well(target, check) for name in self.scopes(check)]
        return any(counted)

    def shift(self, by: timedelta) -> None:
        """Follow a jump of the wall clock."""
        for scope in self._scopes.values():
            scope.recent = deque((at + by, target) for at, target in scope.recent)

    def storm(self, name: str, limits: Limits, now: datetime) -> list[str]:
        """Return the targets that turned bad within the window and still are, where they make a storm; else nothing."""
        scope = self._scopes.get(name)
        if scope is None:
            return []
        scope.forget_before(now - timedelta(seconds=limits.storm_window))
        if len(scope.newly) < self._needed(name, limits):
            return []
        return list(dict.fromkeys(target for _, target in scope.recent if target in scope.newly))

    def calm(self, name: str, limits: Limits) -> bool:
        """Tell whether so few targets of a scope are bad, new or old, that there is no storm any more."""
        scope = self._scopes.get(name)
        return scope is None or len(scope.bad) < math.ceil(self._needed(name, limits) / 2)

    def _needed(self, name: str, limits: Limits) -> int:
        return max(limits.storm_min_checks, math.ceil(limits.storm_brake * self._scopes[name].size))


def engage(scope: str, names: Iterable[str], limits: Limits, now: datetime) -> Brake:
    """Put the brake on."""
    probe_at = now + timedelta(seconds=limits.storm_hold)
    return Brake(scope=scope, since=now, probe_at=probe_at, names=tuple(names)[:_NAMES])


def blocked(brake: Brake, now: datetime) -> Hold | None:
    """Return what the brake says to one more recovery; None lets it through as the probe."""
    where = "all targets" if brake.scope == EVERYTHING else f"the targets with {brake.scope.replace(':', ' ')}"
    if brake.probing is not None:
        return Hold(detail=f"too many of {where} turned bad together; waiting whether recovery {brake.probing} helps")
    if now >= brake.probe_at:
        return None
    return Hold(detail=f"too many of {where} turned bad together: {', '.join(brake.names)}, ...", until=brake.probe_at)


def probing(brake: Brake, recovery: str) -> Brake:
    """Let one recovery through."""
    return replace(brake, probing=recovery)


def probed(brake: Brake, limits: Limits, now: datetime, *, helped: bool) -> Brake | None:
    """Return the brake after its probe: off when healing helped, else on for twice as long."""
    if helped:
        return None
    probes = brake.probes + 1
    hold = min(limits.storm_hold * 2.0 ** min(probes, 63), max(limits.storm_hold, limits.storm_hold_max))
    return replace(brake, probing=None, probes=probes, probe_at=now + timedelta(seconds=hold))


def shifted(brake: Brake, by: timedelta) -> Brake:
    """Follow a jump of the wall clock."""
    return replace(brake, since=brake.since + by, probe_at=brake.probe_at + by)
