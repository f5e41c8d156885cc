"""A collector that is down is said once in a while, in one line, and not at every try."""

from __future__ import annotations

import logging

EVERY = 600.0
"""Seconds between two such lines."""

NAMES = (
    "opentelemetry.exporter.otlp.common.http",
    "opentelemetry.exporter.otlp.proto.http._log_exporter",
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.sdk._logs._internal.export",
    "opentelemetry.sdk._shared_internal",
    "opentelemetry.sdk.metrics._internal",
    "opentelemetry.sdk.metrics._internal.export",
    "opentelemetry.sdk.trace.export",
)
"""The loggers on which the SDK and its exporters complain."""

_LONGEST = 300


class Seldom(logging.Filter):
    """Lets one complaint through in a while, without its stack."""

    def __init__(self) -> None:
        """Stand at the loggers of the SDK; ``leave`` ends that."""
        super().__init__()
        self._until = 0.0
        for name in NAMES:
            logging.getLogger(name).addFilter(self)

    def leave(self) -> None:
        """Let everything through again."""
        for name in NAMES:
            logging.getLogger(name).removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is written."""
        if record.levelno < logging.WARNING:
            return False
        if record.created < self._until:
            return False
        self._until = record.created + EVERY
        error = record.exc_info[1] if record.exc_info else None
        said = " ".join(record.getMessage().split())
        text = f"{said}: {type(error).__name__}: {error}" if error is not None else said
        record.msg = "telemetry does not get through, and goes on trying; said at most every 10 minutes: %s"
        record.args = (text[:_LONGEST],)
        record.exc_info = record.exc_text = None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True
