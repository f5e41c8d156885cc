"""What Salus logs, as log records by the conventions of OpenTelemetry."""

from __future__ import annotations

import logging
import sqlite3
from typing import Any

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

from salus.surfaces.telemetry.logs import LogsOut


def test_a_record_has_its_logger_as_scope_and_the_full_name_of_its_exception() -> None:
    exporter: Any = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    provider = LoggerProvider()
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    out = LogsOut(provider)
    try:
        for error in (sqlite3.OperationalError("locked"), KeyError("what")):
            try:
                raise error
            except (sqlite3.OperationalError, KeyError):
                logging.getLogger("salus.store").exception("it cannot be written")
    finally:
        out.close()
    logging.getLogger("salus.store").error("nobody listens any more")
    one, two = exporter.get_finished_logs()
    assert one.instrumentation_scope is not None
    assert one.instrumentation_scope.name == "salus.store"
    assert one.log_record.body == "it cannot be written"
    types = [(each.log_record.attributes or {})["exception.type"] for each in (one, two)]
    assert types == ["sqlite3.OperationalError", "KeyError"]
