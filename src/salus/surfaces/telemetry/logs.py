"""What Salus logs, as log records of OpenTelemetry: each with the trace of the recovery that it speaks of."""

from __future__ import annotations

import logging
from typing import Any

from opentelemetry._logs import LoggerProvider, LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, set_span_in_context

from salus import __version__
from salus.logs import redact
from salus.logs.lines import facts, recovery_of, trouble
from salus.surfaces.telemetry.tracing import SCOPE, nanoseconds, span_context

LOGGER = "salus"

_SEVERITIES = (
    (logging.CRITICAL, SeverityNumber.FATAL),
    (logging.ERROR, SeverityNumber.ERROR),
    (logging.WARNING, SeverityNumber.WARN),
    (logging.INFO, SeverityNumber.INFO),
    (logging.NOTSET, SeverityNumber.DEBUG),
)


class LogsOut(logging.Handler):
    """Stands at the logger ``salus``; the records wait in the provider's queue until they are exported."""

    def __init__(self, provider: LoggerProvider) -> None:
        """Hand records to a provider, from now until ``close``."""
        super().__init__()
        self._logger = provider.get_logger(SCOPE, __version__)
        self._plain = logging.Formatter()
        logging.getLogger(LOGGER).addHandler(self)

    def close(self) -> None:
        """Leave the logger."""
        logging.getLogger(LOGGER).removeHandler(self)
        super().close()

    def emit(self, record: logging.LogRecord) -> None:
        """Hand on one record."""
        try:
            self._logger.emit(self._made(record))
        except Exception:  # noqa: BLE001 - as every handler: a record that cannot be written must not end who logs
            self.handleError(record)

    def _made(self, record: logging.LogRecord) -> LogRecord:
        attributes: dict[str, Any] = {f"salus.{name}": redact(str(value)) for name, value in facts(record).items()}
        attributes["log.logger"] = record.name
        if (event := getattr(record, "event", None)) is not None:
            attributes["salus.event"] = str(event)
        if record.exc_info and record.exc_info[1] is not None:
            attributes["exception.type"] = type(record.exc_info[1]).__name__
            attributes["exception.message"] = redact(str(record.exc_info[1]))
        if below := trouble(record, self._plain):
            attributes["exception.stacktrace"] = redact(below)
        recovery = recovery_of(record)
        context = Context()
        if recovery:
            context = set_span_in_context(NonRecordingSpan(span_context(recovery)), context)
        at = getattr(record, "at", None)
        return LogRecord(
            timestamp=nanoseconds(at) if at is not None else int(record.created * 1e6) * 1000,
            observed_timestamp=int(record.created * 1e6) * 1000,
            context=context,
            severity_text=record.levelname,
            severity_number=next(number for level, number in _SEVERITIES if record.levelno >= level),
            body=redact(record.getMessage()),
            attributes=attributes,
        )
