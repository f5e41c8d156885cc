"""The section ``pings``: who is told again and again that Salus itself is well. Loaded only where it is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, cast

from msgspec import Meta

from salus.config.convert import Converter, Missing
from salus.config.shapes import Shape
from salus.model import Json
from salus.secret import Secret
from salus.units import Duration


class PingShape(Shape, frozen=True, kw_only=True):
    """A dead-man's switch: it hears that Salus is well again and again, and raises the alarm when it does not.

    It is told only while the check `salus`, Salus' look at itself, is healthy and its loop turns. The URL is that of a
    check at healthchecks.io or whatever speaks like it, such as `/ping/<slug>` of another Salus: `/start` and `/fail`
    are added to its path.

    Attributes:
        url: where to report; it is a secret.
        interval: from one report to the next.
        timeout: how long one report may take.
        start: report `/start` when Salus starts.
        report_failures: report `/fail` while the whole is unhealthy or Salus has trouble of its own; without this, the
            latter makes it fall silent, and the former is none of the switch's business.
    """

    scalar: ClassVar[str] = "url"

    url: Secret
    interval: Annotated[Duration, Meta(ge=0.1, le=86400)] = Duration(60)
    timeout: Annotated[Duration, Meta(gt=0, le=300)] = Duration(10)
    start: bool = True
    report_failures: bool = False


def settings(convert: Converter, entries: Mapping[str, Json]) -> dict[str, PingShape]:
    """Read the section; problems go to the converter."""
    found: dict[str, PingShape] = {}
    for name, raw in entries.items():
        shape = convert.struct(PingShape, raw, ("pings", name))
        if isinstance(shape, Missing):
            continue
        shape = cast("PingShape", shape)
        if not _is_address(shape.url.reveal()):
            remedy = "write it like https://hc-ping.com/<uuid>"
            convert.note(("pings", name, "url"), "it is not the address of a page", remedy, value=False)
        found[name] = shape
    return found


def _is_address(url: str) -> bool:
    from salus.httpclient import HttpError, urls

    try:
        urls.parse(url)
    except HttpError:
        return False
    return not any(sign.isspace() for sign in url)
