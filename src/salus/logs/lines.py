"""One record, one line: as text for people, or as JSON for programs."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime

from salus import traces
from salus.logs.redacting import redact

SUBJECTS = ("check", "rule", "service", "recovery", "action", "old", "new", "reason")
"""What an event, or a record with such an ``extra``, is about."""

_LEVELS = {"WARN": "warning", "FATAL": "critical"}
_NOT_PLAIN = frozenset(' "=\n\t\r')


class ConsoleLines(logging.Formatter):
    """``2026-01-01T12:00:00.000Z WARNING status_changed check=web old=healthy new=unhealthy: 500, expected 200``."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record; what follows it indented or on further lines is the text of an exception."""
        head = f"{moment(record)} {record.levelname:<8} {getattr(record, 'event', record.name)}"
        about = "".join(f" {name}={_value(str(value))}" for name, value in facts(record).items())
        message = " ".join(_said(record).splitlines())
        line = f"{head}{about}: {message}" if message else f"{head}{about}"
        below = trouble(record, self)
        return "\n".join(map(visible, redact(f"{line}\n{below}" if below else line).split("\n")))


class JsonLines(logging.Formatter):
    """One JSON object a line: ``time, level, logger, message``, and what it is about.

    ``event`` is the kind of an event of Salus, ``check``, ``rule``, ``service``, ``recovery``, ``action``, ``old``,
    ``new`` and ``reason`` its subjects; ``trace_id`` and ``span_id`` those of the recovery, ``exception`` the text of
    one. A key that does not apply is not there.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        line: dict[str, object] = {
            "time": moment(record),
            "level": _LEVELS.get(record.levelname, record.levelname.lower()),
            "logger": record.name,
            "message": redact(_said(record)),
        }
        if (event := getattr(record, "event", None)) is not None:
            line["event"] = str(event)
        line |= {name: _plain(value) for name, value in facts(record).items() if name not in line}
        if recovery := recovery_of(record):
            line["trace_id"], line["span_id"] = traces.trace_id(recovery), traces.span_id(recovery)
        if below := trouble(record, self):
            line["exception"] = redact(below)
        return json.dumps(line, ensure_ascii=False)


def _said(record: logging.LogRecord) -> str:
    """Return the message; of an event without what the fields say already."""
    said: str | None = getattr(record, "said", None)
    return record.getMessage() if said is None else said


def moment(record: logging.LogRecord) -> str:
    """Return when it happened (RFC 3339, UTC, milliseconds): of an event, when that was, not when it was written."""
    at = getattr(record, "at", None)
    if not isinstance(at, datetime):
        at = datetime.fromtimestamp(record.created, UTC)
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def facts(record: logging.LogRecord) -> Mapping[str, object]:
    """Return what a record is about: its ``facts``, or the subjects that it has as an ``extra``."""
    given = getattr(record, "facts", None)
    if isinstance(given, Mapping):
        return given
    return {name: value for name in SUBJECTS if (value := getattr(record, name, None)) is not None}


def recovery_of(record: logging.LogRecord) -> str:
    """Return the id of the recovery that a record speaks of, or was written in; an empty string where there is none.

    An event is written a moment after it happened, wherever that may be: it speaks for itself alone.
    """
    named = facts(record).get("recovery")
    return str(named) if named else "" if hasattr(record, "event") else traces.under_way()


def trouble(record: logging.LogRecord, formatter: logging.Formatter) -> str:
    """Return the text of the exception and of the stack that a record carries."""
    parts = [formatter.formatException(record.exc_info)] if record.exc_info else []
    parts += [record.exc_text] if record.exc_text and not record.exc_info else []
    parts += [formatter.formatStack(record.stack_info)] if record.stack_info else []
    return "\n".join(parts)


def visible(line: str) -> str:
    """Write out what would steer a terminal: much of a line was said by others."""
    if line.isprintable():
        return line
    return "".join(each if each.isprintable() or each == "\t" else repr(each)[1:-1] for each in line)


def _value(text: str) -> str:
    return text if text and not _NOT_PLAIN.intersection(text) else json.dumps(text, ensure_ascii=False)


def _plain(value: object) -> object:
    return value if isinstance(value, bool | int | float) or value is None else redact(str(value))
