"""Silences: made and ended by people, over when their time is; they survive a restart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from salus.engine.holds import Keep
from salus.engine.memos import memo, recall
from salus.errors import ConflictError, NotFoundError
from salus.matchers import in_words
from salus.model import EventKind, Json, Matchers, Silence
from salus.ports import Tell

MOST = 1000


class Silences:
    """All silences of one Salus, by id."""

    def __init__(self, tell: Tell, keep: Keep, found: dict[str, Silence]) -> None:
        """Say what happens through ``tell``, remember it through ``keep``; ``found`` is where the desk looks."""
        self._tell = tell
        self._keep = keep
        self._found = found

    def load(self, memos: Mapping[str, Mapping[str, Json]]) -> None:
        """Take up the silences of an earlier Salus.

        Raises:
            StoreUnreadableError: a row cannot be understood.
        """
        self._found.update(recall(memos, "silence", Silence))

    def all(self) -> list[Silence]:
        """Return all, the first to end first."""
        return sorted(self._found.values(), key=lambda one: (one.until, one.id))

    def add(self, silence: Silence) -> None:
        """Begin one.

        Raises:
            ConflictError: there are too many, or it would match everything.
        """
        if not silence.match:
            raise ConflictError("a silence needs a matcher", remedy='such as check="web"; everything: alertname=~".+"')
        if len(self._found) >= MOST:
            raise ConflictError(f"there are {MOST} silences already", remedy="expire some: `salus silence list`")
        self._found[silence.id] = silence
        self._keep(memo(f"silence:{silence.id}", silence))
        self._tell(EventKind.SILENCE_STARTED, reason=silence.id, message=silence_in_words(silence))

    def expire(self, name: str, *, by: str) -> Silence:
        """End one, by its id or the beginning of it.

        Raises:
            NotFoundError: there is none, or more than one.
        """
        found = [one for one in self._found.values() if name and one.id.startswith(name)]
        if len(found) != 1:
            what = f"there is no silence {name!r}" if not found else f"{name!r} begins {len(found)} silences"
            raise NotFoundError(what, remedy="`salus silence list` shows them")
        self._end(found[0], f"ended{f' by {by}' if by else ''}: {in_words(found[0].match)}")
        return found[0]

    def tick(self, now: datetime) -> None:
        """End what is over."""
        for silence in [one for one in self._found.values() if one.until <= now]:
            self._end(silence, f"over: {in_words(silence.match)}")

    def next_end(self) -> datetime | None:
        """Return when the next one is over."""
        return min((one.until for one in self._found.values()), default=None)

    def shift(self, by: timedelta) -> None:
        """Follow a jump of the wall clock: what was to last two hours still does."""
        for name, one in self._found.items():
            self._found[name] = replace(one, since=one.since + by, until=one.until + by)
            self._keep(memo(f"silence:{name}", self._found[name]))

    def _end(self, silence: Silence, said: str) -> None:
        del self._found[silence.id]
        self._keep(memo(f"silence:{silence.id}", None))
        self._tell(EventKind.SILENCE_ENDED, reason=silence.id, message=said)


def make(match: Matchers, seconds: float, now: datetime, name: str, *, by: str, comment: str) -> Silence:
    """Return a silence that begins now."""
    return Silence(id=name, match=match, since=now, until=now + timedelta(seconds=seconds), by=by, comment=comment)


def silence_in_words(silence: Silence) -> str:
    """Say it in one line."""
    by = f" by {silence.by}" if silence.by else ""
    why = f": {silence.comment}" if silence.comment else ""
    return f"{silence.id}{by}, {in_words(silence.match)}, until {silence.until:%Y-%m-%d %H:%M:%S} UTC{why}"
