"""What an ``http`` check expects of an answer, made ready once, and the judgement of one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus

from salus.checks._json_path import Expectation
from salus.checks._net import certificate_ends, excerpt, too_slow
from salus.httpclient import Response
from salus.model import NOTHING, Json, Metric, Observation, Status
from salus.ports import Look
from salus.units import Duration, format_duration, format_size

_QUOTABLE = 16384
_CLASS = re.compile(r"([1-5])xx", re.IGNORECASE)
_RANGE = re.compile(r"([1-5]\d\d)\s*-\s*([1-5]\d\d)")
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)


def statuses(expected: int | str | tuple[int | str, ...]) -> frozenset[int]:
    """Read the expected status codes.

    Raises:
        ValueError: one of them is not a status code, a class or a range.
    """
    codes: set[int] = set()
    for one in expected if isinstance(expected, tuple | list) else (expected,):
        text = str(one).strip()
        if match := _CLASS.fullmatch(text):
            codes.update(range(int(match[1]) * 100, int(match[1]) * 100 + 100))
        elif (match := _RANGE.fullmatch(text)) and match[1] <= match[2]:
            codes.update(range(int(match[1]), int(match[2]) + 1))
        elif text.isdecimal() and 100 <= int(text) <= 599:
            codes.add(int(text))
        else:
            raise ValueError(f"{one!r} is not a status: write it like 200, 2xx or 200-399")
    if not codes:
        raise ValueError("at least one status must be expected, such as 2xx")
    return frozenset(codes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is expected of an answer; the fields are those of the options, read once, and what must not be quoted."""

    statuses: frozenset[int]
    expected: str
    contains: tuple[tuple[str, bytes], ...] = ()
    contains_not: tuple[tuple[str, bytes], ...] = ()
    matches: re.Pattern[str] | None = None
    json_paths: tuple[Expectation, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    latency_below: Duration | None = None
    latency_unhealthy: Duration | None = None
    expires_in: Duration | None = None
    max_body: int = 1 << 20
    redact: Callable[[str], str] = str

    def judge(self, look: Look, response: Response) -> Observation:
        """Compare, the worst first: status, headers, body, too slow to be healthy; then what only degrades."""
        metrics = _metrics(look, response)
        metadata: Mapping[str, Json] = {"redirects": response.redirects} if response.redirects else NOTHING
        if wrong := next(self._wrong(response), ""):
            cause = "" if response.status in self.statuses else f"status_{response.status}"
            return look.observe(Status.UNHEALTHY, wrong, metrics=metrics, metadata=metadata, cause=cause)
        said = f"{response.status} {self.redact(response.reason) or _phrase(response.status)}"
        total = response.timings.total
        if slow := too_slow(total, self.latency_unhealthy):
            return look.observe(Status.UNHEALTHY, f"{said}; {slow}", metrics=metrics, metadata=metadata)
        doubts = [doubt for doubt in (too_slow(total, self.latency_below), self._expiring(metrics)) if doubt]
        if doubts:
            return look.observe(Status.DEGRADED, f"{said}; {'; '.join(doubts)}", metrics=metrics, metadata=metadata)
        return look.observe(Status.HEALTHY, f"{said} in {format_duration(total)}", metrics=metrics, metadata=metadata)

    def _wrong(self, response: Response) -> Iterator[str]:
        """Say what is not as expected, one after the other."""
        if response.status not in self.statuses:
            body = f"; body starts: {self._excerpt(response)}" if response.body else ""
            phrase = self.redact(response.reason) or _phrase(response.status)
            yield f"expected status {self.expected}, got {response.status} {phrase}".rstrip() + body
        for name, wanted in self.headers:
            value = response.header(name)
            if value is None:
                yield f"expected the header {name}, it is missing"
            elif wanted.lower() not in value.lower():
                yield f"expected {wanted!r} in the header {name}, got {self.redact(value)[:80]!r}"
        if self.contains or self.contains_not or self.matches or self.json_paths:
            yield from self._wrong_body(response)

    def _wrong_body(self, response: Response) -> Iterator[str]:
        body, text = response.body, None
        charset = _charset(response)
        if charset != "utf-8":
            text = _decode(body, charset)
            body = text.encode()
        for wanted, encoded in self.contains:
            if encoded not in body:
                yield f"expected {wanted[:80]!r} in the body, it is not there; {self._starts(response)}"
        for unwanted, encoded in self.contains_not:
            if encoded in body:
                yield f"expected no {unwanted[:80]!r} in the body, it is there"
        if self.matches is not None:
            text = _decode(body, "utf-8") if text is None else text
            if self.matches.search(text) is None:
                yield f"expected the body to match {self.matches.pattern[:80]!r}, it does not; {self._starts(response)}"
        if self.json_paths:
            yield from self._wrong_json(response, body)

    def _wrong_json(self, response: Response, body: bytes) -> Iterator[str]:
        try:
            document = json.loads(body)
        except (ValueError, RecursionError) as error:
            yield f"expected JSON, got something else ({error}); {self._starts(response)}"
            return
        for expectation in self.json_paths:
            if unmet := expectation.unmet(document):
                yield self.redact(unmet)

    def _starts(self, response: Response) -> str:
        bound = f"in the first {format_size(self.max_body)} (max_body); " if response.truncated else ""
        return f"{bound}body starts: {self._excerpt(response)}" if response.body else "the body is empty"

    def _excerpt(self, response: Response) -> str:
        """Quote the beginning of a body; secrets are taken out before it is cut."""
        return excerpt(self.redact(response.body[:_QUOTABLE].decode("utf-8", "replace")).encode())

    def _expiring(self, metrics: dict[str, Metric]) -> str:
        if self.expires_in is None or (left := metrics.get("certificate_expires_seconds")) is None:
            return ""
        if left.value >= self.expires_in:
            return ""
        return certificate_ends(left.value, self.expires_in)


def _metrics(look: Look, response: Response) -> dict[str, Metric]:
    timings = response.timings
    metrics = {
        "latency_seconds": Metric(timings.total, "seconds"),
        "connect_seconds": Metric(timings.connect, "seconds"),
        "first_byte_seconds": Metric(timings.first_byte, "seconds"),
        "status_code": Metric(response.status),
        "body_bytes": Metric(len(response.body), "bytes"),
    }
    if timings.tls:
        metrics["tls_seconds"] = Metric(timings.tls, "seconds")
    if response.peer_certificate_expires is not None:
        left = (response.peer_certificate_expires - look.at).total_seconds()
        metrics["certificate_expires_seconds"] = Metric(left, "seconds")
    return metrics


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _charset(response: Response) -> str:
    for name, value in response.raw_headers:
        if len(name) == 12 and name.lower() == b"content-type":
            return _charset_of(value)
    return "utf-8"


@lru_cache(maxsize=64)
def _charset_of(content_type: bytes) -> str:
    match = _CHARSET.search(content_type.decode("latin-1"))
    name = match[1].lower() if match else "utf-8"
    return "utf-8" if name in ("utf-8", "utf8", "us-ascii", "ascii") else name


def _decode(body: bytes, charset: str) -> str:
    try:
        return body.decode(charset, "replace")
    except LookupError:
        return body.decode("utf-8", "replace")
