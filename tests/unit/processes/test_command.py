from __future__ import annotations

import pytest

from salus.processes import Command, Exit, environment


def test_an_environment_is_clean_and_carries_the_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hidden")
    monkeypatch.setenv("TZ", "Europe/Rome")
    made = environment("abc", "service", "web:1", {"LOG_LEVEL": "info", "PATH": "/opt/bin"})

    assert made["SALUS_CHILD"] == "abc:service:web:1"
    assert (made["TZ"], made["LOG_LEVEL"], made["PATH"]) == ("Europe/Rome", "info", "/opt/bin")
    assert "SECRET_TOKEN" not in made


def test_nothing_can_forge_the_mark() -> None:
    made = environment("abc", "check", "disk", {"SALUS_CHILD": "other:service:web", "SALUS_LAUNCH": "forged"})

    assert made["SALUS_CHILD"] == "abc:check:disk"
    assert "SALUS_LAUNCH" not in made


def test_a_command_shows_neither_its_environment_nor_its_input() -> None:
    shown = repr(Command(("login",), {"PASSWORD": "hunter2"}, stdin=b"hunter2"))

    assert "login" in shown
    assert "hunter2" not in shown


@pytest.mark.parametrize(
    "end, text",
    [
        (Exit(code=1), "exited with 1"),
        (Exit(signal=9), "killed by SIGKILL"),
        (Exit(signal=63), "killed by signal 63"),
        (Exit(), "exited"),
    ],
)
def test_an_end_is_told_in_words(end: Exit, text: str) -> None:
    assert str(end) == text
