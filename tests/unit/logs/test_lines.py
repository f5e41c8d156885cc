"""Lines of the log: what they carry, what they hide, and where they go."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from contextvars import copy_context
from dataclasses import replace
from datetime import datetime
from typing import Any
from weakref import WeakValueDictionary

import pytest

from salus import secret, traces
from salus.logs import ConsoleLines, JsonLines, redact, redacting, set_up, tell_event
from salus.model import Event, EventKind
from salus.secret import Secret

ID = "0123456789abcdef"


def record(
    message: str, *args: object, level: int = logging.INFO, error: bool = False, **extra: Any
) -> logging.LogRecord:
    made = logging.LogRecord("shop", level, __file__, 1, message, args, sys.exc_info() if error else None)
    made.__dict__.update(extra)
    return made


def line(made: logging.LogRecord) -> dict[str, Any]:
    text = JsonLines().format(made)
    assert "\n" not in text
    found: dict[str, Any] = json.loads(text)
    return found


def test_a_record_is_one_object_with_its_time_level_logger_and_message() -> None:
    found = line(record("order %d\nis late", 7, level=logging.WARNING))
    assert datetime.fromisoformat(found.pop("time")).utcoffset() is not None
    assert found == {"level": "warning", "logger": "shop", "message": "order 7\nis late"}


def test_what_speaks_of_a_recovery_carries_its_trace() -> None:
    found = line(record("x", event="verified", facts={"check": "web", "recovery": ID, "reason": "passed"}))
    assert found["event"] == "verified"
    assert (found["check"], found["recovery"], found["reason"]) == ("web", ID, "passed")
    assert (found["trace_id"], found["span_id"]) == (ID * 2, ID)
    assert line(record("x", recovery=ID, check="web"))["trace_id"] == ID * 2


def test_what_an_action_logs_carries_the_trace_of_its_recovery() -> None:
    with traces.within(ID):
        left_running = copy_context()
        assert line(record("the pool is open again"))["trace_id"] == ID * 2
        assert "trace_id" not in line(record("x", event="check_stuck", facts={"check": "disk"}))
    assert "trace_id" not in line(record("the pool is open again"))
    assert "trace_id" not in left_running.run(line, record("a reader that the action left running"))


def test_what_others_say_can_steer_no_terminal() -> None:
    made = record("it said %s", "\x1b]0;owned\x07 ü\u202e", facts={"check": "a\x1b[2Jb"})
    text = ConsoleLines().format(made)
    assert text.endswith("check=a\\x1b[2Jb: it said \\x1b]0;owned\\x07 ü\\u202e")
    try:
        raise OSError("\x9b31m")
    except OSError:
        head, *below = ConsoleLines().format(record("x", error=True)).splitlines()
    assert (head[-1], below[-1]) == ("x", "OSError: \\x9b31m")


def test_a_fact_never_takes_the_place_of_what_the_line_itself_says() -> None:
    assert line(record("x", facts={"message": "y", "level": "z", "attempts": 3}))["message"] == "x"


def test_a_secret_that_is_made_while_another_thread_writes_is_hidden_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Interrupted(WeakValueDictionary[int, Secret]):
        def __setitem__(self, key: int, value: Secret) -> None:
            redact("another thread writes a line in this very moment")
            super().__setitem__(key, value)

    monkeypatch.setattr(secret, "_alive", Interrupted())
    made = Secret("a-word-that-nobody-guesses")
    assert redact(f"it is {made.reveal()}") == "it is ***"


def test_a_line_that_is_written_while_the_secrets_are_read_shows_none(monkeypatch: pytest.MonkeyPatch) -> None:
    made, shown, parts = Secret("a-word-that-nobody-guesses"), list[str](), redacting._parts

    def interrupted(text: str) -> Iterator[str]:
        monkeypatch.undo()
        shown.append(redact(f"it is {made.reveal()}"))
        return parts(text)

    monkeypatch.setattr(redacting, "_parts", interrupted)
    redact("what comes first reads the secrets")
    assert shown == ["it is ***"]


@pytest.mark.parametrize("formatter", [JsonLines(), ConsoleLines()])
def test_secrets_are_in_no_message_no_fact_and_no_exception(formatter: logging.Formatter) -> None:
    password = Secret("correct horse battery")
    hook = Secret("https://hooks.example.org/services/T0123456789abcdef0123/x?token=zyxwvutsr")
    try:
        raise OSError(f"cannot log in with {password.reveal()} at {hook.reveal()}")
    except OSError:
        made = record("tried %s", password.reveal(), error=True, facts={"check": hook.reveal()})
    text = formatter.format(made)
    for part in ("correct", "horse", "battery", "T0123456789abcdef0123", "zyxwvutsr"):
        assert part not in text
    assert "cannot log in with *** at ***" in text


@pytest.mark.parametrize(
    "text, hidden",
    [
        ("postgresql://shop:hunter2@db/shop", "postgresql://***@db/shop"),
        ("Authorization: Bearer abcDEF123456", "Authorization: Bearer ***"),
        ("authorization: basic c2hvcDpodW50ZXIy", "authorization: basic ***"),
        ("basic functionality", "basic functionality"),
        ("https://example.org:8443/a@b", "https://example.org:8443/a@b"),
    ],
)
def test_what_looks_like_a_credential_is_hidden_too(text: str, hidden: str) -> None:
    assert redact(text) == hidden


def test_what_is_too_short_for_a_secret_is_not_taken_out_of_words() -> None:
    short = Secret("log")
    assert redact("the logger logs") == "the logger logs"
    assert short


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    yield io.StringIO()
    logger = logging.getLogger("shop")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
    logger.propagate = True
    logger.setLevel(logging.NOTSET)


def test_an_application_sets_its_own_logger_up_in_one_line_and_again(stream: io.StringIO) -> None:
    set_up("console", logger="shop", stream=stream)
    set_up("json", "debug", logger="shop", stream=stream)
    logging.getLogger("shop.orders").debug("late", extra={"check": "web"})
    found = json.loads(stream.getvalue())
    assert (found["logger"], found["level"], found["check"]) == ("shop.orders", "debug", "web")


@pytest.mark.parametrize("form, level", [("xml", "info"), ("json", "loud")])
def test_what_there_is_not_is_refused(form: str, level: str) -> None:
    with pytest.raises(ValueError, match=r"xml|LOUD"):
        set_up(form, level, logger="shop")


def test_an_event_in_the_log_of_an_application_stands_alone_on_one_line_without_secrets(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "salus.event")
    kept = Secret("t0p-s3cret")
    at = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
    bad = Event(id=1, at=at, kind=EventKind.STATUS_CHANGED, check="web", old="healthy", new="unhealthy")
    tell_event(replace(bad, message=f"{kept.reveal()}\n\x1b[2Jgone"))
    tell_event(Event(id=2, at=at, kind=EventKind.RECOVERY_STARTED, check="web", message="attempt 1: gone"))
    held = Event(id=3, at=at, kind=EventKind.RECOVERY_REFUSED, check="web", reason="cooling_down")
    tell_event(replace(held, message="the last attempt was a moment ago"))
    assert [one.getMessage() for one in caplog.records] == [
        "web is unhealthy, was healthy: *** \\x1b[2Jgone",
        "web: healing begins, attempt 1: gone",
        "web: not healed: the last attempt was a moment ago",
    ]
