"""What people hold: the pause, maintenance windows, rules that are switched off. All of it survives a restart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from salus.engine.memos import memo, recall
from salus.engine.units import CheckUnit
from salus.errors import ConflictError, NotFoundError
from salus.model import NOTHING, EventKind, Json, Maintenance, MaintenanceSpec, Memo, Pause, Selector
from salus.ports import Tell
from salus.rules.situation import Hold
from salus.rules.windows import next_window, open_window


class Keep(Protocol):
    """Take a memo into the next batch of rows."""

    def __call__(self, memo: Memo) -> None:
        """Take it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Switch:
    """A rule that a person switched off."""

    since: datetime
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Closed:
    """A window of the config that a person closed before its time."""

    until: datetime


class Holds:
    """Pauses, windows and switches of one Salus."""

    def __init__(self, tell: Tell, keep: Keep) -> None:
        """Say what happens through ``tell``, remember it through ``keep``."""
        self._tell = tell
        self._keep = keep
        self.windows: tuple[MaintenanceSpec, ...] = ()
        self.pause: Pause | None = None
        self._ad_hoc: dict[str, Maintenance] = {}
        self._closed: dict[str, _Closed] = {}
        self._off: dict[str, _Switch] = {}
        self._open: dict[str, Maintenance] = {}

    def load(self, memos: Mapping[str, Mapping[str, Json]]) -> None:
        """Take up what an earlier Salus was told.

        Raises:
            StoreUnreadableError: it cannot be understood.
        """
        self.pause = recall(memos, "pause", Pause).get("all")
        self._ad_hoc = recall(memos, "maintenance", Maintenance)
        self._closed = recall(memos, "closed", _Closed)
        self._off = recall(memos, "off", _Switch)

    # ── the pause ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def start_pause(self, seconds: float | None, now: datetime, *, reason: str, by: str) -> Pause:
        """Pause everything."""
        until = None if seconds is None else now + timedelta(seconds=seconds)
        self.pause = Pause(since=now, until=until, reason=reason, by=by)
        self._keep(memo("pause:all", self.pause))
        self._tell(EventKind.PAUSED, message=pause_in_words(self.pause))
        return self.pause

    def end_pause(self, why: str) -> None:
        """Go on healing.

        Raises:
            ConflictError: nothing is paused.
        """
        if self.pause is None:
            raise ConflictError("recovery is not paused", remedy="`salus status` shows what holds it back")
        self.pause = None
        self._keep(memo("pause:all", None))
        self._tell(EventKind.RESUMED, message=why)

    def pause_hold(self, now: datetime) -> Hold | None:
        """Return what the pause says, if there is one."""
        pause = self.pause
        if pause is None or (pause.until and now >= pause.until):
            return None
        return Hold(detail=pause_in_words(pause), until=pause.until)

    # ── rules ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def switch(self, rule: str, now: datetime, *, enabled: bool, by: str) -> None:
        """Switch a rule on or off."""
        if enabled == (rule not in self._off):
            return
        if enabled:
            del self._off[rule]
        else:
            self._off[rule] = _Switch(since=now, by=by)
        self._keep(memo(f"off:{rule}", self._off.get(rule)))
        kind = EventKind.RULE_ENABLED if enabled else EventKind.RULE_DISABLED
        self._tell(kind, rule=rule, message=f"switched {'on' if enabled else 'off'}{_by(by)}")

    def switched_off(self, rule: str) -> str:
        """Return why a rule is off, or an empty string."""
        switch = self._off.get(rule)
        return f"switched off{_by(switch.by)}; `salus rule enable {rule}` switches it on" if switch else ""

    @property
    def off(self) -> tuple[str, ...]:
        """Return the rules that are switched off."""
        return tuple(sorted(self._off))

    # ── maintenance ───────────────────────────────────────────────────────────────────────────────────────────────────

    def start_maintenance(
        self, members: Selector, seconds: float, now: datetime, *, name: str, reason: str, by: str
    ) -> Maintenance:
        """Open an ad hoc window.

        Raises:
            ConflictError: the name is taken.
        """
        if name in self._ad_hoc or any(window.name == name for window in self.windows):
            raise ConflictError(
                f"there is a maintenance window {name!r} already", remedy="end it, or take another name"
            )
        until = now + timedelta(seconds=seconds)
        window = Maintenance(id=name, since=now, until=until, members=members, reason=reason, by=by)
        self._ad_hoc[name] = window
        self._keep(memo(f"maintenance:{name}", window))
        self.tick(now)
        return window

    def end_maintenance(self, name: str, now: datetime) -> None:
        """Close a window; one of the config only this time.

        Raises:
            NotFoundError: no window of that name is open.
        """
        if name in self._ad_hoc:
            del self._ad_hoc[name]
            self._keep(memo(f"maintenance:{name}", None))
        elif name in self._open:
            self._closed[name] = _Closed(until=self._open[name].until)
            self._keep(memo(f"closed:{name}", self._closed[name]))
        else:
            raise NotFoundError(f"no maintenance window {name!r} is open", remedy="`salus maintenance list` shows them")
        self.tick(now)

    def maintenance_hold(self, unit: CheckUnit, now: datetime) -> Hold | None:
        """Return what is being done to a check or its service, until when."""
        spec = unit.spec
        for window in self._open.values():
            if window.since <= now < window.until and window.members.takes(spec.name, spec.tags, unit.watches):
                why = f" ({window.reason})" if window.reason else ""
                return Hold(detail=f"maintenance {window.id}{why}{_by(window.by)}", until=window.until)
        return None

    def report(self, now: datetime) -> tuple[Maintenance, ...]:
        """Return the windows that are open, and then the next ones of the config."""
        coming = (next_window(spec, now) for spec in self.windows if spec.name not in self._open)
        later = sorted((window for window in coming if window), key=lambda window: (window.since, window.id))
        return (*self._open.values(), *later)

    def shift(self, by: timedelta) -> None:
        """Follow a jump of the wall clock: what was to last half an hour still does."""
        if self.pause:
            until = self.pause.until + by if self.pause.until else None
            self.pause = replace(self.pause, since=self.pause.since + by, until=until)
            self._keep(memo("pause:all", self.pause))
        for name, window in self._ad_hoc.items():
            self._ad_hoc[name] = replace(window, since=window.since + by, until=window.until + by)
            self._keep(memo(f"maintenance:{name}", self._ad_hoc[name]))
        self._open.update(self._ad_hoc)

    def tick(self, now: datetime) -> tuple[bool, datetime | None]:
        """Open and close what is due; returns whether something ended, and when to come again."""
        eased = self._end_pause_if_due(now)
        for name in [name for name, window in self._ad_hoc.items() if now >= window.until]:
            del self._ad_hoc[name]
            self._keep(memo(f"maintenance:{name}", None))
        for name in [name for name, closed in self._closed.items() if now >= closed.until]:
            del self._closed[name]
            self._keep(memo(f"closed:{name}", None))
        open_now = {window.id: window for window in self._open_windows(now)}
        for name, window in open_now.items():
            if name not in self._open:
                facts = self._facts_of(window)
                self._tell(EventKind.MAINTENANCE_STARTED, message=maintenance_in_words(window), data=facts)
        ended = [name for name in self._open if name not in open_now]
        for name in ended:
            self._tell(EventKind.MAINTENANCE_ENDED, message=f"{name}: {self._open[name].members}", data={"id": name})
        self._open = open_now
        return eased or bool(ended), self._next_change(now)

    def _facts_of(self, window: Maintenance) -> Mapping[str, Json]:
        """Return what an ad hoc window is, for whoever replays the ledger; a window of the config stands there."""
        return memo(window.id, window).value or NOTHING if window.id in self._ad_hoc else NOTHING

    def _end_pause_if_due(self, now: datetime) -> bool:
        if self.pause is None or self.pause.until is None or now < self.pause.until:
            return False
        self.end_pause("the pause is over")
        return True

    def _open_windows(self, now: datetime) -> Iterable[Maintenance]:
        yield from (window for window in self._ad_hoc.values() if window.since <= now)
        for spec in self.windows:
            window = open_window(spec, now)
            if window and spec.name not in self._closed:
                yield window

    def _next_change(self, now: datetime) -> datetime | None:
        changes = [window.until for window in self._open.values()]
        changes += [window.since for window in (next_window(spec, now) for spec in self.windows) if window]
        if self.pause and self.pause.until:
            changes.append(self.pause.until)
        return min(changes, default=None)


def pause_in_words(pause: Pause) -> str:
    """Say it in one line."""
    until = f" until {pause.until:%Y-%m-%d %H:%M:%S} UTC" if pause.until else " until somebody resumes it"
    return f"paused{_by(pause.by)}{until}{f': {pause.reason}' if pause.reason else ''}"


def maintenance_in_words(window: Maintenance) -> str:
    """Say it in one line."""
    why = f": {window.reason}" if window.reason else ""
    return f"{window.id}{_by(window.by)}, {window.members}, until {window.until:%Y-%m-%d %H:%M:%S} UTC{why}"


def _by(person: str) -> str:
    return f" by {person}" if person else ""
