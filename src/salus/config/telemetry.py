"""The section ``telemetry``: where an OpenTelemetry collector is, and what it gets. Loaded only where it is used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, cast
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from salus.config.convert import Converter, Missing
from salus.config.shapes import Shape
from salus.model import Json
from salus.secret import Secret
from salus.units import Duration


class TelemetryShape(Shape, frozen=True, kw_only=True):
    """What goes to an OpenTelemetry collector, by OTLP over HTTP; without this section nothing does.

    What is not said here is taken from the environment (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_SERVICE_NAME`,
    `OTEL_RESOURCE_ATTRIBUTES`, ...); `OTEL_SDK_DISABLED=true` switches all of it off. Needs the extra `opentelemetry`.

    Attributes:
        endpoint: of the collector, such as `http://127.0.0.1:4318`; `/v1/traces` and the like are added to it.
        headers: sent with every request, such as `authorization`; their values are secrets.
        service_name: what it calls itself there (salus).
        resource: further attributes of the resource, such as `deployment.environment.name`.
        traces: one trace per recovery, with a span per step.
        metrics: the numbers of `/metrics`.
        logs: what is logged, with the trace of the recovery that it speaks of.
        interval: from one export of the metrics to the next (1m).
        timeout: how long one export may take (10s).
        compression: of what is sent.
        ca_file: trust these authorities (PEM) instead of the system's.
    """

    endpoint: str = ""
    headers: dict[str, Secret] = msgspec.field(default_factory=dict)
    service_name: str = ""
    resource: dict[str, str] = msgspec.field(default_factory=dict)
    traces: bool = True
    metrics: bool = True
    logs: bool = False
    interval: Annotated[Duration, Meta(ge=0.1, le=3600)] | None = None
    timeout: Annotated[Duration, Meta(gt=0, le=300)] | None = None
    compression: Literal["none", "gzip"] | None = None
    ca_file: Path | None = None


def settings(convert: Converter, raw: Json) -> TelemetryShape | None:
    """Read the section; problems go to the converter."""
    shape = convert.struct(TelemetryShape, raw, ("telemetry",))
    if isinstance(shape, Missing):
        return None
    shape = cast("TelemetryShape", shape)
    if shape.endpoint and (what := _complaint(shape.endpoint)):
        convert.note(("telemetry", "endpoint"), what, "write it like http://127.0.0.1:4318", value=False)
    for name, value in shape.headers.items():
        if not name.isascii() or not name.strip() or any(sign in value.reveal() for sign in "\r\n\0"):
            convert.note(
                ("telemetry", "headers", name), f"{name!r} cannot be a header, or its value holds a line break"
            )
    return shape


def _complaint(endpoint: str) -> str:
    """Say what is wrong with an address, without quoting it."""
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return "it is not the address of a collector"
    if not usable:
        return "it is not the address of a collector"
    if parts.username or parts.password:
        return "a password does not belong into it: put the credential into headers"
    return ""
