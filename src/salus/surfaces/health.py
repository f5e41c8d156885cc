"""The health endpoints, as a pure ASGI app.

An answer is written at most once per second, per change of the truth and per way of asking, and then served from
bytes. Where the truth changes all the time (a thousand checks a second), an answer that took long to write is served
for ten times as long: writing never takes more than a tenth of the loop. Nothing here runs a check. So nobody can hurt
the application by asking. And what is written already goes out at once, without a task, to whoever brings no
credentials (``at_once``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl

from salus.clock import SystemClock
from salus.ports import Clock, Control, Heartbeat, View
from salus.surfaces import documents
from salus.surfaces.access.gate import Gate
from salus.surfaces.documents import Details, Facts, Probe
from salus.surfaces.door import path_of
from salus.surfaces.http import (
    TEXT,
    Receive,
    Refused,
    Response,
    Scope,
    Send,
    date_header,
    header,
    negotiate,
    not_allowed,
    read_body,
)

PROBES = {
    "/health": Probe.HEALTH,
    "/healthz": Probe.HEALTH,
    "/livez": Probe.LIVE,
    "/health/live": Probe.LIVE,
    "/readyz": Probe.READY,
    "/health/ready": Probe.READY,
    "/startupz": Probe.STARTED,
    "/health/started": Probe.STARTED,
}
CHECKS = "/health/checks/"
PING = "/ping/"
_READING = "GET, HEAD"
_PINGING = "GET, HEAD, POST"
_KEPT_ANSWERS = 256
_REST = 10
_LONGEST_QUERY = 4096
_PING_BODY = 1024
_OFF = frozenset({"0", "false", "no", "off"})
_SHOWN = {"always": Details.ALL, "never": Details.NONE}

# (path, query, accept, what they may see): one way of asking.
_Asked = tuple[str, bytes, bytes, Details]


@dataclass(frozen=True, slots=True)
class _Kept:
    """An answer, what it was true for, and until when (monotonic) it is good enough whatever changed.

    Attributes:
        response: the answer.
        written: the same as it goes over the wire, without its date.
        version: of the truth.
        second: the wall clock's.
        until: good enough until then, on the monotonic clock.
    """

    response: Response
    written: tuple[bytes, bytes]
    version: int
    second: datetime
    until: float


class HealthApp:
    """Answers ``/health``, ``/livez``, ``/readyz``, ``/startupz`` and their aliases, single checks, and pings."""

    def __init__(
        self,
        view: View,
        control: Control | None,
        *,
        details: bool | None = None,
        gate: Gate | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Serve a view.

        Args:
            view: the truth.
            control: takes the pings of jobs; None answers them with 404.
            details: True tells everything, False the bare status; None does as ``show_details`` says.
            gate: knows who may see details; None: nobody is known.
            clock: time; the system's unless told otherwise.
        """
        self._view = view
        self._control = control
        self._details = details
        self._gate = gate
        self._clock = clock or SystemClock()
        self._by_question: dict[object, _Kept] = {}
        self._by_variant: dict[object, _Kept] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        now = self._clock.now()
        try:
            response = await self._answer(scope, receive, now)
        except Refused as refused:
            response = refused.response()
        await response.send(send, now, head=scope["method"] == "HEAD")

    def at_once(self, target: bytes, accept: bytes) -> bytes | None:
        """Return the answer to a GET that brings no credentials, as it goes over the wire.

        Args:
            target: path and query, as they were sent.
            accept: the value of the header; empty where there is none.

        Returns:
            None where it is not written yet, or no longer true: ask the ordinary way, which writes it.
        """
        if b"%" in target or not target.isascii():  # a name may be written in several ways; the ordinary way reads them
            return None
        path, _, query = target.partition(b"?")
        kept = self._by_question.get((path.decode(), query, accept, self._told_to_strangers()))
        if kept is None or not self._fresh(kept, now := self._clock.now()):
            return None
        before, after = kept.written
        return b"%b%b: %b\r\n%b" % (before, *date_header(now), after)

    def knows(self, path: str) -> bool:
        """Tell whether a path is one of ours."""
        return path in PROBES or path.startswith((CHECKS, PING))

    async def _answer(self, scope: Scope, receive: Receive, now: datetime) -> Response:
        path, method = path_of(scope), scope["method"]
        if path.startswith(PING):
            return await self._ping(path.removeprefix(PING), method, receive, now)
        if not self.knows(path):
            raise Refused(404, f"there is nothing at {path[:200]}", f"try one of {', '.join(PROBES)}")
        if method not in ("GET", "HEAD"):
            raise not_allowed(method, path[:200], _READING)
        asked = (path, scope["query_string"], header(scope, b"accept"), self._told(scope))
        kept = self._by_question.get(asked)
        if kept is None or not self._fresh(kept, now):
            kept = self._respond(asked, now)
            _keep(self._by_question, asked, kept)
        return kept.response

    def _fresh(self, kept: _Kept, now: datetime) -> bool:
        same = kept.version == self._view.version and kept.second == now.replace(microsecond=0)
        return same or self._clock.monotonic() < kept.until

    def _respond(self, asked: _Asked, now: datetime) -> _Kept:
        path, query, accept, told = asked
        verbose, exclude = _parse(query)
        media = negotiate(accept, documents.VERBOSE_OFFERS if verbose else documents.OFFERS)
        name = path.removeprefix(CHECKS) if path.startswith(CHECKS) else None
        variant = (PROBES.get(path, name), media, verbose, exclude, told)
        kept = self._by_variant.get(variant)
        if kept is None or not self._fresh(kept, now):
            version, started = self._view.version, self._clock.monotonic()
            if name is None:
                response = documents.render(self._facts(PROBES[path], exclude, now, told), media, verbose=verbose)
            else:
                response = self._one_check(name, media, exclude, told, verbose=verbose)
            ended = self._clock.monotonic()
            until = ended + _REST * (ended - started)
            kept = _Kept(response, response.written(), version, now.replace(microsecond=0), until)
            _keep(self._by_variant, variant, kept)
        return kept

    def _one_check(self, name: str, media: str, exclude: frozenset[str], told: Details, *, verbose: bool) -> Response:
        if exclude:
            raise Refused(400, "exclude makes no sense for one check", f"ask for {CHECKS}{name[:200]} alone")
        report = self._view.check(name)
        if report is None:
            raise Refused(404, f"there is no check {name[:200]!r}", "salus status lists the checks")
        return documents.render_check(report, media, told, verbose=verbose)

    def _facts(self, probe: Probe, exclude: frozenset[str], now: datetime, told: Details) -> Facts:
        if unknown := sorted(name for name in exclude if self._view.check(name) is None):
            names = ", ".join(repr(name[:200]) for name in unknown[:5])
            raise Refused(400, f"there is no check {names} to exclude", "salus status lists the checks")
        return Facts(
            probe=probe,
            now=now,
            agent=self._view.agent(),
            overall=self._view.overall(exclude),
            checks=[
                report
                for report in self._view.checks()
                if report.spec.name not in exclude and (probe is not Probe.LIVE or report.spec.liveness)
            ],
            excluded=exclude,
            details=told,
        )

    def _told(self, scope: Scope) -> Details:
        told = self._told_to_strangers()
        if told is Details.NAMES and self._details is None and self._gate is not None:
            return told if self._gate.caller(scope).role is None else Details.ALL
        return told

    def _told_to_strangers(self) -> Details:
        if self._details is not None:
            return Details.ALL if self._details else Details.NAMES
        return _SHOWN.get(self._view.agent().show_details, Details.NAMES)

    async def _ping(self, rest: str, method: str, receive: Receive, now: datetime) -> Response:
        slug, _, how = rest.partition("/")
        if not slug or "/" in how:
            raise Refused(
                404, f"there is nothing at {PING}{rest[:200]}", f"use {PING}<slug>[/start|/fail|/<exit code>]"
            )
        if method not in _PINGING.split(", "):
            raise not_allowed(method, PING + rest[:200], _PINGING)
        signal, exit_code = _signal(how)
        message = (await read_body(receive, _PING_BODY)).decode("utf-8", "replace") if method == "POST" else ""
        heartbeat = Heartbeat(slug=slug, at=now, signal=signal, exit_code=exit_code, message=message)
        if self._control is None or not self._control.beat(heartbeat):
            remedy = f"add a check: {{heartbeat: {{slug: {slug[:100]}}}}}"
            raise Refused(404, f"no check listens to {slug[:100]!r}", remedy)
        return Response(200, TEXT, b"OK\n")


def _signal(how: str) -> tuple[str, int | None]:
    if how in ("", "start", "fail"):
        return how or "ok", None
    if how.isascii() and how.isdigit() and len(how) <= 3 and int(how) <= 255:
        return "exit", int(how)
    raise Refused(
        400, f"{how[:100]!r} is neither start, fail nor an exit code", "an exit code is a number from 0 to 255"
    )


def _parse(query: bytes) -> tuple[bool, frozenset[str]]:
    if len(query) > _LONGEST_QUERY:
        raise Refused(400, f"the query is longer than {_LONGEST_QUERY} bytes", "exclude fewer checks")
    verbose, exclude = False, set()
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name == "verbose":
            verbose = value.lower() not in _OFF
        elif name == "exclude":
            exclude.add(value)
    return verbose, frozenset(exclude)


def _keep(answers: dict[object, _Kept], key: object, kept: _Kept) -> None:
    if len(answers) >= _KEPT_ANSWERS and key not in answers:
        answers.clear()
    answers[key] = kept
