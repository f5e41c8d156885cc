"""What may stand behind the question mark, and what is answered when something else does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal, TypeAlias, TypeVar, get_origin
from urllib.parse import parse_qsl

import msgspec

from salus.model import EventKind, Json, Level, Outcome, Status
from salus.surfaces.bodies import line
from salus.surfaces.http import Refused

LONGEST = 4096
MOST = 500
_USUAL = 100
_MOST_ASKED = 20
_FIRST_YEAR, _LAST_YEAR = 1970, 9000

Limit: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=MOST)]
Word: TypeAlias = Annotated[str, msgspec.Meta(max_length=200)]
Words: TypeAlias = Annotated[tuple[Word, ...], msgspec.Meta(max_length=20)]
Instant: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
Number: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
YesNo: TypeAlias = Literal["true", "false"]


class Query(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be asked for; nothing else may stand there."""


class PageQuery(Query, frozen=True, kw_only=True):
    """A page of a list.

    Attributes:
        limit: how many at most.
        after: the ``next`` of the page before; empty for the first page.
    """

    limit: Limit = _USUAL
    after: Word = ""


class ChecksQuery(PageQuery, frozen=True, kw_only=True):
    """A page of the checks, by name.

    Attributes:
        status: only those with one of these statuses, separated by commas.
        failing: ``true``: only those that are unhealthy or degraded.
        tag: only those with this tag.
        service: only those of this service.
        text: only those in whose name, description or last message this stands.
    """

    status: tuple[Status, ...] = ()
    failing: YesNo = "false"
    tag: Word = ""
    service: Word = ""
    text: Word = ""


class HistoryQuery(Query, frozen=True, kw_only=True):
    """Looks at one check, newest first.

    Attributes:
        since: not before; a day ago where it is not said.
        limit: how many at most.
    """

    since: Instant | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = _USUAL


class SeriesQuery(Query, frozen=True, kw_only=True):
    """A number of a check over time.

    Attributes:
        metric: which number; how long the looks took where it is not said.
        since: not before; a day ago where it is not said.
        until: not after; now where it is not said.
        points: how many at most.
    """

    metric: Word = "duration"
    since: Instant | None = None
    until: Instant | None = None
    points: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 120


class DaysQuery(Query, frozen=True, kw_only=True):
    """How a check was, day by day.

    Attributes:
        since: not before the day (UTC) of this instant; 89 days ago where it is not said.
    """

    since: Instant | None = None


class AvailabilityQuery(PageQuery, frozen=True, kw_only=True):
    """A page of the checks, by name, with how available they were.

    Attributes:
        tag: only those with this tag.
        service: only those of this service.
    """

    tag: Word = ""
    service: Word = ""


class RecoveriesQuery(PageQuery, frozen=True, kw_only=True):
    """A page of the recoveries, newest first.

    Attributes:
        check: only those of this check.
        rule: only those of this rule.
        outcome: only those that ended so.
        since: not before.
        running: ``true``: only those that run now.
    """

    check: Word = ""
    rule: Word = ""
    outcome: Outcome | None = None
    since: Instant | None = None
    running: YesNo = "false"


class IncidentsQuery(PageQuery, frozen=True, kw_only=True):
    """A page of the incidents, newest first.

    Attributes:
        check: only those of this check.
        open: ``true``: only those that go on; ``false``: only those that are over.
        since: only those that went on then, or later.
    """

    check: Word = ""
    open: YesNo | None = None
    since: Instant | None = None


class EventsQuery(PageQuery, frozen=True, kw_only=True):
    """A page of the events, newest first.

    Attributes:
        kind: only these kinds, separated by commas.
        check: only those about this check.
        rule: only those about this rule.
        service: only those about this service.
        recovery: only those about this recovery.
        since: not before.
        until: not after.
    """

    kind: tuple[EventKind, ...] = ()
    check: Word = ""
    rule: Word = ""
    service: Word = ""
    recovery: Word = ""
    since: Instant | None = None
    until: Instant | None = None


class AlertsQuery(PageQuery, frozen=True, kw_only=True):
    """A page of the alerts that have not ended, the most urgent first; or of those that have, newest first.

    Attributes:
        ended: ``true``: those that have ended, from the ledger.
        level: only those of this level.
        state: only those in this state.
        check: only those of this check.
        quiet: ``true``: only those that somebody does not hear of now.
    """

    ended: YesNo = "false"
    level: Level | None = None
    state: Literal["firing", "acknowledged", "pending"] | None = None
    check: Word = ""
    quiet: YesNo = "false"


class StatsQuery(Query, frozen=True, kw_only=True):
    """How well healing works.

    Attributes:
        since: not before; 30 days ago where it is not said.
        check: only this check.
        rule: only this rule.
    """

    since: Instant | None = None
    check: Word = ""
    rule: Word = ""


class OutputQuery(Query, frozen=True, kw_only=True):
    """The last output of a service.

    Attributes:
        lines: how many at most.
    """

    lines: Annotated[int, msgspec.Meta(ge=1, le=500)] = 50


class StreamQuery(Query, frozen=True, kw_only=True):
    """Events as they happen.

    Attributes:
        kind: only these kinds, separated by commas.
        after: id of the last event that was seen; the header ``Last-Event-ID`` says the same.
    """

    kind: tuple[EventKind, ...] = ()
    after: Number | None = None


_Query = TypeVar("_Query", bound=Query)


def split(query_string: bytes) -> dict[str, str]:
    """Return what stands behind the question mark, each name once.

    Raises:
        Refused: 422, it is too long, no text, or says a name twice.
    """
    if len(query_string) > LONGEST:
        raise Refused(422, f"the query is longer than {LONGEST} bytes", "ask for less")
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_ASKED, errors="strict"
        )
    except ValueError:  # other signs than a URL has, or too much of it
        raise Refused(422, "what stands behind the question mark is not understood", "write ?name=value") from None
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Refused(422, "a name stands twice behind the question mark", "separate several values by commas")
    return found


def read(query: Mapping[str, str], kind: type[_Query]) -> _Query:
    """Read what stands behind the question mark.

    Raises:
        Refused: 422, it is not what may be asked for.
    """
    lists = _lists(kind)
    raw = {name: [one for one in text.split(",") if one] if name in lists else text for name, text in query.items()}
    try:
        found = msgspec.convert({name: text for name, text in raw.items() if text != ""}, kind, strict=False)
    except msgspec.ValidationError as error:
        known = ", ".join(field.encode_name for field in msgspec.structs.fields(kind)) or "nothing"
        what = f"what stands behind the question mark is not understood: {line(str(error))[:300]}"
        time = "; write a time as 2026-11-23T12:00:00Z" if "RFC3339" in what else ""
        raise Refused(422, what, f"what can stand there: {known}{time}") from None
    for name in kind.__struct_fields__:
        at = getattr(found, name)
        if isinstance(at, datetime) and not _FIRST_YEAR <= at.year <= _LAST_YEAR:
            raise Refused(422, f"{name} lies too far away", f"ask for the years {_FIRST_YEAR} to {_LAST_YEAR}")
    return found


def _lists(kind: type[Query]) -> frozenset[str]:
    fields = msgspec.structs.fields(kind)
    return frozenset(field.encode_name for field in fields if get_origin(field.type) is tuple)


def page(items: Sequence[Json], query: Mapping[str, str], key: str) -> Json:
    """Write a page of a list that is all in memory; the cursor is the ``key`` of the last item.

    Raises:
        Refused: 422, the cursor is of an item that is not there any more.
    """
    wanted = read(query, PageQuery)
    start = 0
    if wanted.after:
        start = 1 + position(items, wanted.after, lambda item: str(item[key]) if isinstance(item, dict) else "")
    shown = items[start : start + wanted.limit]
    more = start + len(shown) < len(items)
    last = shown[-1] if shown else None
    return {
        "items": list(shown),
        "next": str(last[key]) if more and isinstance(last, dict) else None,
        "total": len(items),
    }


_Item = TypeVar("_Item")


def position(items: Sequence[_Item], after: str, key: Callable[[_Item], str]) -> int:
    """Return the place of the item that a cursor means.

    Raises:
        Refused: 422, it is not there any more.
    """
    for place, item in enumerate(items):
        if key(item) == after:
            return place
    raise Refused(422, f"there is nothing {line(after)[:100]!r} to go on after", "begin with the first page again")
