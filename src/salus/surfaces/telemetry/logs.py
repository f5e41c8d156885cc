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
from salus.surfaces.telemetry.tracing import nanoseconds, span_context

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
        self._provider = provider
        self._plain = logging.Formatter()
        logging.getLogger(LOGGER).addHandler(self)

    def close(self) -> None:
        """Leave the logger."""
        logging.getLogger(LOGGER).removeHandler(self)
        super().close()

    def emit(self, record: logging.LogRecord) -> None:
        """Hand on one record."""
        try:
            # The name of a logger is the scope's, as the data model of logs has it; a provider keeps one for each.
            self._provider.get_logger(record.name, __version__).emit(self._made(record))
        except Exception:  # noqa: BLE001 - as every handler: a record that cannot be written must not end who logs
            self.handleError(record)

    def _made(self, record: logging.LogRecord) -> LogRecord:
        attributes: dict[str, Any] = {f"salus.{name}": redact(str(value)) for name, value in facts(record).items()}
        if (event := getattr(record, "event", None)) is not None:
            attributes["salus.event"] = str(event)
        if record.exc_info and record.exc_info[1] is not None:
            attributes["exception.type"] = _type(record.exc_info[1])
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


def _type(error: BaseException) -> str:
    """Return the full name of an exception's class, as the semantic conventions want it."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
