"""The ``prometheus`` check: ask Prometheus a question, and hold every number of its answer against bounds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from msgspec import field

from salus.checks._bounds import Findings, bounded_line, show_count
from salus.checks._net import resolve_within, told
from salus.checks._refusals import silent
from salus.checks._systems import TlsClientOptions, redactor_of
from salus.errors import CheckBrokenError
from salus.httpclient import (
    Connection,
    HttpError,
    Prepared,
    Request,
    RequestError,
    Response,
    prepare,
)
from salus.httpclient.prepare import basic
from salus.httpclient.redaction import Redactor, words
from salus.model import Cause, Metric, Observation, Status
from salus.ports import Check, Look, Site
from salus.secret import Secret

_SHOWN = 3  # series named in a message
_LABELS = 4  # labels of each
_HIDDEN = "__name__"
_SHARE = 0.5  # of the look, for an answer on a kept connection
_LAST_WORD = 0.9  # of the look: a Prometheus that hangs must not read as a verdict of the prober
_LONGEST_ANSWER = 4 << 20


class Prometheus(TlsClientOptions, frozen=True, kw_only=True):
    """Asks Prometheus, or what speaks its API (Mimir, Thanos), a question in PromQL, and judges the answer.

    Every series of the answer is held against the bounds; without bounds, that there is an answer is what counts: with
    ``empty: healthy`` any series is trouble, as in an alerting rule, with ``empty: unhealthy`` there must be one.
    Prometheus is the witness here and not the accused: where it cannot be asked, lets us not in or cannot answer, the
    check answers unknown and nothing is healed for it. The connection is kept.

    Metrics: ``value`` (of the series that decides), ``series``, ``latency_seconds``.

    Attributes:
        url: where it is, such as ``http://localhost:9090``; a path before ``/api/v1`` belongs to it.
        query: the question, in PromQL. Its answer must be an instant vector or a scalar.
        series: ``all`` series must be within bounds, or ``any`` of them will do.
        value_above: a value that is not above this is unhealthy.
        warn_value_above: a value that is not above this is degraded.
        value_below: a value that is not below this is unhealthy.
        warn_value_below: a value that is not below this is degraded.
        empty: what it is when the answer holds no series: ``healthy``, ``unhealthy`` or ``unknown``.
        headers: request headers, such as ``X-Scope-OrgID``. They appear in no log.
        username: for Basic authentication.
        password: for Basic authentication.
        token: a bearer token.
    """

    url: str
    query: str
    series: Literal["all", "any"] = "all"
    value_above: float | None = None
    warn_value_above: float | None = None
    value_below: float | None = None
    warn_value_below: float | None = None
    empty: Literal["healthy", "unhealthy", "unknown"] = "unknown"
    headers: dict[str, str] = field(default_factory=dict)
    username: str | None = None
    password: Secret | None = None
    token: Secret | None = None

    def __repr__(self) -> str:
        """Label the check without giving away what its URL or headers may hold."""
        try:
            place = str(prepare(Request(url=self.url)).endpoint)
        except RequestError:
            place = "..."
        return f"Prometheus(url='{place}', query={self.query!r})"

    def problems(self) -> list[tuple[str, str]]:
        """Find what the types alone cannot tell."""
        found = super().problems()
        if not self.query.strip():
            found.append(("query", "write a question in PromQL"))
        if self.empty == "unknown" and not self.bounds("value"):
            what = "give a bound (value_above, value_below), or say what an empty answer means (empty)"
            found.append(("value_above", what))
        if self.token and (self.username or self.password):
            found.append(("token", "token and username are both given: keep one of them"))
        if self.password and self.username is None:
            found.append(("password", "a password needs a username: add it"))
        if "?" in self.url or "#" in self.url:
            found.append(("url", "leave out what follows ? or #: the question goes into query"))
        try:
            prepare(self.request())
        except RequestError as error:
            found.append((error.part, told(error)))
        return found

    def request(self) -> Request:
        """Return the request that every look sends."""
        headers = list(self.headers.items())
        if self.token:
            headers.append(("Authorization", f"Bearer {self.token.reveal()}"))
        elif self.username is not None:
            headers.append(("Authorization", basic(self.username, self.password.reveal() if self.password else "")))
        return Request(
            url=f"{self.url.rstrip('/')}/api/v1/query?query={quote(self.query, safe='')}",
            headers=tuple(headers),
            tls=self.tls_options(),
            max_body=_LONGEST_ANSWER,
        )

    def redactor(self) -> Redactor:
        """Return what takes our secrets out of what a server says."""
        given = [one.reveal() for one in (self.password, self.token) if one]
        return redactor_of(self.url, *words(*self.headers.values(), *given))

    @property
    def shares(self) -> str | None:
        """Name the Prometheus that it asks."""
        return str(prepare(self.request()).endpoint)

    def build(self, site: Site) -> Check:
        """Make the check, with its request laid out once."""
        return PrometheusCheck(self, prepare(self.request()))


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer: its labels as a person reads them, and its value now."""

    labels: str
    value: float


class PrometheusCheck:
    """A ``prometheus`` check, ready to look."""

    __slots__ = ("_connection", "_kept", "_options", "_prepared", "_redact")

    def __init__(self, options: Prometheus, prepared: Prepared) -> None:
        """Ask with this request."""
        self._options = options
        self._prepared = prepared
        self._redact = options.redactor()
        self._connection = Connection()
        self._kept = False

    async def look(self, look: Look) -> Observation:
        """Ask and judge."""
        try:
            response = await self._asked(look)
        except HttpError as error:
            said = self._redact(f"Prometheus cannot be asked: {error}")
            raise CheckBrokenError(said, remedy=error.remedy, cause=error.cause) from error
        found = self._series(response.status, response.body, truncated=response.truncated)
        metrics = {
            "series": Metric(float(len(found))),
            "latency_seconds": Metric(response.timings.total, "seconds"),
        }
        return self._judge(look, found, metrics) if found else self._nothing(look, metrics)

    async def aclose(self) -> None:
        """Let go of the kept connection."""
        self._connection.close()

    async def _asked(self, look: Look) -> Response:
        """Ask on the kept connection; on a new one where that is silent: a firewall may have forgotten it."""
        within = resolve_within(look, self._prepared.endpoint)
        if self._kept:
            patience = asyncio.timeout(look.remaining * _SHARE)
            try:
                async with patience:
                    return await self._connection.send(self._prepared, resolve_within=within)
            except TimeoutError:
                if not patience.expired():
                    raise
                self._connection.close()
        self._kept = False
        deadline = asyncio.timeout(look.remaining * _LAST_WORD)
        try:
            async with deadline:
                response = await self._connection.send(self._prepared, resolve_within=within)
        except TimeoutError as error:
            if not deadline.expired():
                raise
            raise silent(str(self._prepared.endpoint)) from error
        self._kept = True
        return response

    def _series(self, status: int, body: bytes, *, truncated: bool) -> Sequence[Series]:
        """Read an answer.

        Raises:
            CheckBrokenError: it is not one that can be judged.
        """
        place = str(self._prepared.endpoint)
        if truncated:
            raise CheckBrokenError(f"{place} answers with too many series", remedy="aggregate them: sum, max, topk")
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or "status" not in answer:
            remedy = _REMEDIES.get(status, "is this the URL of a Prometheus?")
            raise CheckBrokenError(
                f"{place} answered {status}, not as Prometheus does", remedy=remedy, cause=_cause(status)
            )
        if answer["status"] != "success":
            said = bounded_line(self._redact(str(answer.get("error") or answer.get("errorType") or status)), 300)
            lesson = "correct the query" if answer.get("errorType") == "bad_data" else _REMEDIES.get(status)
            raise CheckBrokenError(f"{place} cannot answer: {said}", remedy=lesson, cause=_cause(status))
        data: Any = answer.get("data")
        kind = data.get("resultType") if isinstance(data, dict) else None
        try:
            if kind == "scalar":
                return [Series("", float(data["result"][1]))]
            if kind == "vector":
                return [Series(_labels(one["metric"]), float(one["value"][1])) for one in data["result"]]
        except (LookupError, TypeError, ValueError) as error:
            raise CheckBrokenError(f"{place} answers in a form that is not understood", cause=Cause.PROTOCOL) from error
        remedy = "ask for an instant vector or a scalar: leave out [5m], or put rate() or max_over_time() round it"
        raise CheckBrokenError(f"{place} answers with a {kind}, which has no one value per series", remedy=remedy)

    def _nothing(self, look: Look, metrics: Mapping[str, Metric]) -> Observation:
        said = f"the answer to {self._question()} is empty"
        if self._options.empty == "unknown":
            return look.unknown(f"{said}: is what it asks about scraped?", metrics=metrics)
        return look.observe(Status(self._options.empty), said, metrics=metrics)

    def _judge(self, look: Look, found: Sequence[Series], metrics: dict[str, Metric]) -> Observation:
        if not self._options.bounds("value"):
            metrics["value"] = Metric(found[0].value)
            trouble = self._options.empty == "healthy"
            status = Status.UNHEALTHY if trouble else Status.HEALTHY
            return look.observe(status, bounded_line(self._redact(_told(found))), metrics=metrics)
        judged = [(self._one(series), series) for series in found]
        ranks = {Status.HEALTHY: 0, Status.DEGRADED: 1, Status.UNHEALTHY: 2}
        pick = max if self._options.series == "all" else min
        status = pick((findings.status for findings, _ in judged), key=lambda each: ranks[each])
        deciding = [(findings, series) for findings, series in judged if findings.status is status]
        metrics["value"] = Metric(deciding[0][1].value)
        if status is Status.HEALTHY:
            return look.healthy(bounded_line(self._redact(_told([series for _, series in deciding]))), metrics=metrics)
        shown = [findings.answer(look, "").message for findings, _ in deciding[:_SHOWN]]
        more = len(deciding) - len(shown)
        said = "; ".join([*shown, *([f"and {more} more series"] if more else [])])
        return look.observe(status, bounded_line(self._redact(said)), metrics=metrics)

    def _one(self, series: Series) -> Findings:
        findings = Findings()
        value = series.value
        findings.judge(self._options, "value", value, _named(series), show=show_number)
        return findings

    def _question(self) -> str:
        query = " ".join(self._options.query.split())
        return query if len(query) <= 120 else f"{query[:119]}…"


_REMEDIES: Mapping[int, str] = {
    401: "correct the token, or the user and the password",
    403: "let this token or user ask",
    404: "is this the URL of a Prometheus? Its path before /api/v1 belongs to it",
    503: "Prometheus is starting, or had no time: then make the query cheaper",
}


def _cause(status: int) -> str:
    return f"status_{status}" if status >= 400 else Cause.PROTOCOL


def _labels(metric: Mapping[str, Any]) -> str:
    shown = [f'{name}="{value}"' for name, value in sorted(metric.items()) if name != _HIDDEN]
    more = ", …" if len(shown) > _LABELS else ""
    inside = ", ".join(shown[:_LABELS]) + more
    return f"{metric.get(_HIDDEN, '')}{{{inside}}}" if inside else str(metric.get(_HIDDEN, ""))


def show_number(value: float) -> str:
    """Write a value of a series, also where it is none: ``NaN``, ``+Inf``."""
    if value != value:  # noqa: PLR0124 - what NaN is
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return show_count(value)


def _named(series: Series) -> str:
    value = show_number(series.value)
    return f"{series.labels} is {value}" if series.labels else f"it is {value}"


def _told(found: Sequence[Series]) -> str:
    more = len(found) - _SHOWN
    return "; ".join([*map(_named, found[:_SHOWN]), *([f"and {more} more series"] if more > 0 else [])])
