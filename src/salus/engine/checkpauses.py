"""Checks that people have set aside, one by one. It survives a restart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from salus.engine.holds import Keep, until_in_words
from salus.engine.memos import memo, recall
from salus.errors import ConflictError
from salus.model import CheckPause, EventKind, Json
from salus.ports import Tell
from salus.rules.situation import Hold


class CheckPauses:
    """The paused checks of one Salus, also those that are not in the config at the moment."""

    def __init__(self, tell: Tell, keep: Keep) -> None:
        """Say what happens through ``tell``, remember it through ``keep``."""
        self._tell = tell
        self._keep = keep
        self._pauses: dict[str, CheckPause] = {}

    def load(self, memos: Mapping[str, Mapping[str, Json]]) -> None:
        """Take up what an earlier Salus was told.

        Raises:
            StoreUnreadableError: it cannot be understood.
        """
        self._pauses = recall(memos, "check_pause", CheckPause)

    def of(self, check: str) -> CheckPause | None:
        """Return the pause of a check, or None."""
        return self._pauses.get(check)

    def all(self) -> tuple[CheckPause, ...]:
        """Return all of them, by check."""
        return tuple(pause for _, pause in sorted(self._pauses.items()))

    def start(self, check: str, seconds: float | None, now: datetime, *, reason: str, by: str) -> CheckPause:
        """Pause a check; where it is paused already, this is what holds from now on."""
        until = None if seconds is None else now + timedelta(seconds=seconds)
        pause = CheckPause(check=check, since=now, until=until, reason=reason, by=by)
        self._put(pause)
        self._tell(EventKind.CHECK_PAUSED, check=check, message=check_pause_in_words(pause))
        return pause

    def end(self, check: str, why: str) -> None:
        """Look at a check again.

        Raises:
            ConflictError: it is not paused.
        """
        if self._pauses.pop(check, None) is None:
            raise ConflictError(f"check {check!r} is not paused", remedy="`salus status` shows which are")
        self._keep(memo(f"check_pause:{check}", None))
        self._tell(EventKind.CHECK_RESUMED, check=check, message=why)

    def over(self, now: datetime) -> list[str]:
        """Name the checks whose pause is over."""
        return [name for name, pause in self._pauses.items() if pause.until is not None and now >= pause.until]

    def next_end(self) -> datetime | None:
        """Return when the next one ends by itself, or None."""
        return min((pause.until for pause in self._pauses.values() if pause.until is not None), default=None)

    def hold(self, check: str) -> Hold | None:
        """Return what the pause of a check says, if there is one."""
        pause = self._pauses.get(check)
        return Hold(detail=check_pause_in_words(pause), until=pause.until) if pause else None

    def shift(self, by: timedelta) -> None:
        """Follow a jump of the wall clock: what was to last half an hour still does."""
        for pause in self.all():
            until = pause.until + by if pause.until else None
            self._put(replace(pause, since=pause.since + by, until=until))

    def _put(self, pause: CheckPause) -> None:
        self._pauses[pause.check] = pause
        self._keep(memo(f"check_pause:{pause.check}", pause))


def check_pause_in_words(pause: CheckPause) -> str:
    """Say it in one line."""
    by = f" by {pause.by}" if pause.by else ""
    return f"paused{by}{until_in_words(pause.until)}{f': {pause.reason}' if pause.reason else ''}"
