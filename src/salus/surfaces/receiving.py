"""The doors for alerts of others, as a pure ASGI app in front of the health endpoints.

    POST /api/v2/alerts           what a Prometheus (or whatever else knows Alertmanager's API) sends
    POST /api/v1/alerts/webhook   what an Alertmanager's webhook sends

Both are shut until `alerts.receive` names a token. Who does not know it is refused before a byte of the body is read.
A request is taken as a whole or refused as a whole, with the index and the field of what is wrong.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, TypeAlias

import msgspec

from salus.clock import SystemClock
from salus.model import Labels, Receive
from salus.ports import Clock, Control, ReceivedAlert
from salus.secret import Secret
from salus.surfaces.bodies import line
from salus.surfaces.door import path_of
from salus.surfaces.http import TEXT, App, Refused, Response, Scope, Send, header, not_allowed, whole_body
from salus.surfaces.http import Receive as Body

API = "/api/v2/alerts"
WEBHOOK = "/api/v1/alerts/webhook"
LARGEST = 1024 * 1024
MOST_ALERTS = 1_000
MOST_LABELS = 64
LONGEST_NAME = 200
LONGEST_VALUE = 1024
MOST_TEXT = 8192
"""Characters of all labels of one alert, and of all its annotations."""
RETRY_AFTER = 60

_FARTHEST = timedelta(days=30)
_SKEW = timedelta(seconds=1)
"""An end that is not farther ahead than this is now: the clocks of two hosts are never quite the same."""
_CHALLENGE = 'Bearer realm="salus", Basic realm="salus"'

_Instant: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
_Pairs: TypeAlias = dict[str, str]


class _Alert(msgspec.Struct, rename="camel"):
    """One alert as Alertmanager's API has it; keys that are not known go by."""

    labels: _Pairs
    annotations: _Pairs | None = None
    starts_at: _Instant | None = None
    ends_at: _Instant | None = None
    generator_url: Annotated[str | None, msgspec.Meta()] = msgspec.field(default=None, name="generatorURL")


class _Notice(_Alert, rename="camel", kw_only=True):
    """One alert as an Alertmanager's webhook has it."""

    status: Literal["firing", "resolved"]


class _Webhook(msgspec.Struct):
    """The payload of an Alertmanager's webhook: of its frame nothing is needed."""

    alerts: list[_Notice]


@dataclass(frozen=True, slots=True)
class _Door:
    """One door: how its body reads, and an example of it."""

    source: str
    body: type[list[_Alert] | _Webhook]
    example: str


_DOORS: Mapping[str, _Door] = {
    API: _Door("api", list[_Alert], '[{"labels": {"alertname": "HighLatency"}}]'),
    WEBHOOK: _Door("webhook", _Webhook, '{"alerts": [{"status": "firing", "labels": {"alertname": "HighLatency"}}]}'),
}


class AlertDoors:
    """Takes alerts of others in; everything else goes to the app behind it."""

    def __init__(
        self, settings: Callable[[], Receive | None], control: Control, behind: App, *, clock: Clock | None = None
    ) -> None:
        """Stand in front of an app.

        Args:
            settings: how alerts are taken in at this moment; None: not at all.
            control: takes them.
            behind: answers everything else.
            clock: time; the system's unless told otherwise.
        """
        self._settings = settings
        self._control = control
        self._behind = behind
        self._clock = clock or SystemClock()
        self.at_once = getattr(behind, "at_once", None)

    async def __call__(self, scope: Scope, receive: Body, send: Send) -> None:
        """Answer one request."""
        door = _DOORS.get(path_of(scope)) if scope["type"] == "http" else None
        if door is None:
            await self._behind(scope, receive, send)
            return
        try:
            response = await self._answer(door, scope, receive)
        except Refused as refused:
            response = refused.response()
        await response.send(send, self._clock.now(), head=scope["method"] == "HEAD")

    async def _answer(self, door: _Door, scope: Scope, receive: Body) -> Response:
        settings = self._settings()
        if settings is None:
            raise Refused(
                404,
                "this Salus takes no alerts in",
                "set alerts.receive.token_file in its config, and give the sender the same token",
            )
        if scope["method"] != "POST":
            raise not_allowed(scope["method"], scope["path"], "POST")
        if not _knows(header(scope, b"authorization"), settings.token):
            raise Refused(
                401,
                "the token is missing or wrong",
                "send 'Authorization: Bearer' and the token of alerts.receive, or Basic with it as the password",
                {"WWW-Authenticate": _CHALLENGE},
            )
        _see_that_it_is_json(header(scope, b"content-type"))
        body = await whole_body(receive, LARGEST)
        alerts = _read(door, body, settings, self._clock.now())
        if not self._control.receive(alerts, door.source):
            raise Refused(
                429,
                "there is no room for so many alerts that fire at once",
                "send fewer: drop with alert_relabel_configs, or route to Salus, only what a check listens to",
                {"Retry-After": str(RETRY_AFTER)},
            )
        return Response(200, TEXT, b"")


def _knows(authorization: bytes, token: Secret) -> bool:
    """Tell whether a request carries the token; compares in constant time."""
    scheme, _, given = authorization.strip().partition(b" ")
    if scheme.lower() == b"basic":
        try:
            given = base64.b64decode(given.strip(), validate=True).partition(b":")[2]
        except binascii.Error:
            return False
    elif scheme.lower() != b"bearer":
        return False
    return Secret(given.strip().decode("utf-8", "replace")) == token


def _see_that_it_is_json(content_type: bytes) -> None:
    media = content_type.decode("latin-1").partition(";")[0].strip().lower()
    if media not in ("", "application/json"):
        raise Refused(415, f"{media[:100]} is not what is read here", "send Content-Type: application/json")


def _read(door: _Door, body: bytes, settings: Receive, now: datetime) -> list[ReceivedAlert]:
    """Read a body: all of it is right, or it is refused."""
    try:
        found = msgspec.json.decode(body, type=door.body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        what = line(str(error))[:300]
        raise Refused(400, f"the body is not understood: {what}", f"send JSON such as {door.example}") from None
    alerts = found.alerts if isinstance(found, _Webhook) else found
    if len(alerts) > MOST_ALERTS:
        raise Refused(400, f"{len(alerts)} alerts are more than {MOST_ALERTS}", "send them in several requests")
    at = "alerts" if isinstance(found, _Webhook) else ""
    return [_received(alert, f"{at}[{index}]", door, settings, now) for index, alert in enumerate(alerts)]


def _received(alert: _Alert, at: str, door: _Door, settings: Receive, now: datetime) -> ReceivedAlert:
    labels = _labels(alert.labels, at)
    resolved = isinstance(alert, _Notice) and alert.status == "resolved"
    said_end = _instant(alert.ends_at, now)
    start = _instant(alert.starts_at, now)
    if start and said_end and start > said_end:
        raise Refused(400, f"{at}.startsAt is after {at}.endsAt", "send an alert that ends after it began")
    if isinstance(alert, _Notice):
        ends_at = min(said_end or now, now) if resolved else now + timedelta(seconds=settings.webhook_timeout)
    else:
        ends_at = said_end or now + timedelta(seconds=settings.resolve_timeout)
        if resolved := ends_at <= now + _SKEW:
            ends_at = min(ends_at, now)
    url = line(alert.generator_url or "")
    return ReceivedAlert(
        labels=labels,
        annotations=_annotations(alert.annotations or {}),
        starts_at=min(start or now, now, ends_at),
        ends_at=ends_at,
        updated_at=now,
        source=door.source,
        resolved=resolved,
        url=url if url.startswith(("http://", "https://")) and len(url) <= LONGEST_VALUE else "",
    )


def _labels(labels: _Pairs, at: str) -> Labels:
    """Return the labels that say something; they are an identity, so none may be cut."""
    said = {name: value for name, value in labels.items() if value}
    if not said:
        raise Refused(400, f"{at}.labels is empty", "send at least the label alertname")
    if len(said) > MOST_LABELS:
        raise Refused(400, f"{at}.labels has {len(said)} labels, more than {MOST_LABELS}", "drop some of them")
    for name, value in said.items():
        if not name or len(name) > LONGEST_NAME:
            what = f"{at}.labels has a name that is empty or longer than {LONGEST_NAME} characters"
            raise Refused(400, what, "shorten it")
        if len(value) > LONGEST_VALUE:
            what = f"{at}.labels.{line(name)} is longer than {LONGEST_VALUE} characters"
            raise Refused(400, what, "make it an annotation, or drop it")
    if sum(len(name) + len(value) for name, value in said.items()) > MOST_TEXT:
        raise Refused(400, f"{at}.labels is longer than {MOST_TEXT} characters", "drop some of them")
    return said


def _annotations(annotations: _Pairs) -> Labels:
    """Return what fits: annotations are words for people, so an alert is never refused for them."""
    kept: _Pairs = {}
    room = MOST_TEXT
    for name, value in list(annotations.items())[:MOST_LABELS]:
        cut = value[:LONGEST_VALUE]
        if len(name) <= LONGEST_NAME and (room := room - len(name) - len(cut)) >= 0:
            kept[name] = cut
    return kept


def _instant(instant: datetime | None, now: datetime) -> datetime | None:
    """Return an instant as UTC, not too far from now for arithmetic; Go's zero time is none at all."""
    if instant is None or instant.year <= 1:
        return None
    if instant.year >= 9999:
        return now + _FARTHEST
    return min(instant.astimezone(UTC), now + _FARTHEST)
