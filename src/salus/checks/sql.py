"""The ``sql`` check: ask a database, and compare what it says with what is expected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from salus.checks._bounds import BoundedOptions, Findings, show_count
from salus.checks._kept import Kept
from salus.checks._net import failed, too_slow
from salus.checks._sql_target import DatabaseUrlError, backend_of, endpoint_of, url_of
from salus.checks._systems import quoted, redactor_of, shown_url
from salus.clock import SystemClock
from salus.errors import CheckBrokenError, MissingExtraError
from salus.httpclient import HttpError
from salus.model import Cause, Metric, Observation
from salus.ports import Check, Look, Site
from salus.secret import Secret
from salus.units import Duration, format_duration

if TYPE_CHECKING:
    from salus.checks._sql_backend import Table
    from salus.checks._sql_session import SqlSession

_monotonic = SystemClock().monotonic
_TAKEN = frozenset({"value", "rows", "latency_seconds", "connect_seconds", "query_seconds"})
_MOST_COLUMNS = 20
_MOST_ROWS = 10_000


class Sql(BoundedOptions, frozen=True, kw_only=True):
    """Runs a query and compares its answer. PostgreSQL needs the extra ``postgresql``, MariaDB and MySQL ``mariadb``.

    SQLAlchemy reads the URL, so any database with a synchronous driver will do. One connection is kept from look to
    look; one that died is replaced within the look. The query runs in a transaction that is read-only and always rolled
    back; the server stops it before the check's ``timeout`` is over (PostgreSQL, MariaDB, MySQL, SQLite).

    The *value* is the first column of the first row. A query that the database does not understand or that our user may
    not run makes the check unknown: no restart mends a config. A refused login is unhealthy.

    Metrics: ``latency_seconds`` (until the transaction had begun), ``query_seconds``, ``connect_seconds`` where it
    connected anew, ``rows``, ``value``, and every numeric column of the first row under its own name. An interval is a
    number of seconds.

    Attributes:
        url: ``postgresql://user@host:port/database``, ``mariadb://...``, ``mysql://...`` or ``sqlite:////path``. What
            drivers know more, such as TLS, stands in its query: ``?sslmode=verify-full``, ``?ssl_ca=/path``.
        password: where it is not in the URL.
        query: one statement.
        expect: the value, exactly. True and false also match 1 and 0, and text the text of a date or a UUID.
        value_above: unhealthy unless the value is more than this.
        warn_value_above: degraded unless the value is more than this.
        value_below: unhealthy unless the value is less than this.
        warn_value_below: degraded unless the value is less than this.
        rows_above: unhealthy unless there are more rows than this.
        warn_rows_above: degraded, likewise.
        rows_below: unhealthy unless there are fewer rows than this (10000 at most are fetched and counted).
        warn_rows_below: degraded, likewise.
        read_only: let the statement write nothing. Also what is written without it is rolled back.
        latency_below: beginning and query that take longer together are degraded.
    """

    scalar: ClassVar[str] = "url"

    url: str
    password: Secret | None = None
    query: str = "SELECT 1"
    expect: str | int | float | bool | None = None
    value_above: float | None = None
    warn_value_above: float | None = None
    value_below: float | None = None
    warn_value_below: float | None = None
    rows_above: int | None = None
    warn_rows_above: int | None = None
    rows_below: int | None = None
    warn_rows_below: int | None = None
    read_only: bool = True
    latency_below: Duration | None = None

    def __repr__(self) -> str:
        """Label the check without giving away what its URL may hold."""
        return f"Sql(url={shown_url(self.url)!r})"

    def problems(self) -> list[tuple[str, str]]:
        """Find what the types alone cannot tell."""
        found = super().problems()
        if not self.query.strip():
            found.append(("query", "there is no query: write one, or leave it out for SELECT 1"))
        for name in ("rows_above", "warn_rows_above", "rows_below", "warn_rows_below"):
            if (getattr(self, name) or 0) > _MOST_ROWS:
                found.append(
                    (name, f"no more than {_MOST_ROWS} rows are counted: let the query count, and bound value")
                )
        try:
            if self.password and url_of(self.url, None).password:
                found.append(("password", "the URL holds a password, too: keep one of them"))
            backend_of(self.url, self.password, read_only=self.read_only)
        except MissingExtraError as error:
            found.append(("", f"{error}: {error.remedy}"))
        except DatabaseUrlError as error:
            found.append(("url", f"{error}: {error.remedy}"))
        return found

    @property
    def shares(self) -> str | None:
        """Name where it connects to."""
        with suppress(DatabaseUrlError, MissingExtraError):
            url = url_of(self.url, None)
            return str(endpoint_of(url) or url.database or "") or None
        return None

    def build(self, site: Site) -> Check:
        """Make the check.

        Raises:
            MissingExtraError: the driver for that URL is not installed.
            DatabaseUrlError: there is no such database.
        """
        return SqlCheck(self)


class SqlCheck:
    """An ``sql`` check, ready to look."""

    def __init__(self, options: Sql) -> None:
        """Find the driver."""
        from salus.checks._sql_session import SqlSession  # SQLAlchemy, for those who ask a database

        self._session = SqlSession
        self._options = options
        self._redact = redactor_of(options.url, *([options.password.reveal()] if options.password else []))
        self._backend = backend_of(options.url, options.password, read_only=options.read_only)
        self._kept: Kept[SqlSession] = Kept(self._backend.place, self._open)

    async def look(self, look: Look) -> Observation:
        """Ask and judge.

        Raises:
            CheckBrokenError: nobody was asked, or the query cannot be run, or gives what cannot be judged.
        """
        try:
            seen = await self._look(look)
        except CheckBrokenError as error:
            raise CheckBrokenError(self._redact(str(error)), remedy=error.remedy, cause=error.cause) from None
        return replace(seen, message=self._redact(seen.message))

    async def aclose(self) -> None:
        """Let go of the kept connection."""
        await self._kept.aclose()

    async def _open(self, look: Look) -> SqlSession:
        return await self._session.opened(self._backend, look)

    async def _look(self, look: Look) -> Observation:
        try:
            async with self._kept.line(look) as session:
                started = _monotonic()
                answer = await session.query(self._options.query)
                taken = _monotonic() - started
        except HttpError as error:
            return failed(look, error)
        metrics = {**self._kept.metrics(), "query_seconds": Metric(taken, "seconds")}
        if isinstance(answer, HttpError):
            return failed(look, answer, metrics)
        findings = Findings()
        said = self._judge(answer, findings, metrics)
        total = self._kept.alive_seconds + taken
        if slow := too_slow(total, self._options.latency_below):
            findings.degraded(slow)
        summary = f"{self._backend.place} answered {said} in {format_duration(total)}"
        return findings.answer(look, self._kept.remark(summary), metrics=metrics)

    def _judge(self, answer: Table, findings: Findings, metrics: dict[str, Metric]) -> str:
        """Hold the answer against what is expected, and say what it was."""
        options, first = self._options, answer.first
        metrics["rows"] = Metric(answer.rows)
        metrics.update(_named(answer))
        value = first[0] if first else None
        number = _number(value)
        if number is not None:
            metrics["value"] = Metric(number)
        rows = f"more than {answer.rows} rows" if answer.more else _counted(answer.rows, "row")
        shown = "no row" if not first else _shown(value)
        if options.expect is not None and not (first and _same(value, options.expect)):
            findings.unhealthy(f"expected {_shown(options.expect)}, got {shown}{_more(answer)}")
        if options.bounds("value"):
            self._judge_value(answer, number, shown, findings)
        findings.judge(options, "rows", answer.rows + answer.more, f"got {rows}")
        return f"{shown}{_more(answer)}"

    def _judge_value(self, answer: Table, number: float | None, shown: str, findings: Findings) -> None:
        if number is not None:
            findings.judge(self._options, "value", number, f"got {show_count(number)}{_more(answer)}")
        elif answer.first and answer.first[0] is not None:
            what = f"the query gives {shown}, and only a number can be above or below another"
            raise CheckBrokenError(what, remedy="let its first column be a number", cause=Cause.NOT_KNOWN)
        else:
            findings.unhealthy(f"expected a number, got {shown}")


def _more(answer: Table) -> str:
    """Say what there was beside the value."""
    columns, rows = len(answer.columns), answer.rows
    if columns < 2 and rows < 2:
        return ""
    of = [_counted(columns, "column")] if columns > 1 else []
    of += [f"more than {rows} rows" if answer.more else _counted(rows, "row")] if rows > 1 else []
    return f" (the first of {', '.join(of)})"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _named(answer: Table) -> Mapping[str, Metric]:
    """Return the numbers of the first row under the names of their columns."""
    found: dict[str, Metric] = {}
    for name, value in zip(answer.columns[:_MOST_COLUMNS], answer.first or (), strict=False):
        key = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower()
        number = _number(value)
        if number is not None and re.match(r"[a-z]\w*[a-z]", key) and key not in _TAKEN:
            found.setdefault(key, Metric(number, "seconds" if key.endswith("_seconds") else ""))
    return found


def _number(value: Any) -> float | None:
    if isinstance(value, timedelta):
        return value.total_seconds()
    return float(value) if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else None


def _same(value: Any, wanted: str | float | bool) -> bool:
    """Tell whether a value is the expected one."""
    if isinstance(wanted, bool):
        return value is wanted or (not isinstance(value, bool) and value in (0, 1) and bool(value) is wanted)
    if isinstance(wanted, str):
        text = bytes(value).decode("utf-8", "replace") if isinstance(value, bytes | bytearray | memoryview) else value
        return str(text) == wanted and not isinstance(value, int | float | Decimal)
    number = _number(value)
    return number is not None and wanted in (number, value)


def _shown(value: Any) -> str:
    return "NULL" if value is None else quoted(value)
