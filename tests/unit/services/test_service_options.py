from __future__ import annotations

import os
from pathlib import Path

import pytest

from salus.services._log import LogOptions, OutputLog, folder_name
from salus.services._ready import ReadyOptions, address
from salus.services._signals import name_of, number_of
from salus.services.command import CommandOptions
from salus.services.component import ComponentOptions
from salus.services.process import ProcessOptions
from salus.units import Size


@pytest.mark.parametrize(
    "text, expected",
    [
        (8000, ("127.0.0.1", 8000)),
        ("8000", ("127.0.0.1", 8000)),
        ("web:80", ("web", 80)),
        ("[::1]:80", ("::1", 80)),
        ("web", None),
        ("web:0", None),
        (70000, None),
        ("web:80x", None),
    ],
)
def test_an_address_is_read(text: int | str, expected: tuple[str, int] | None) -> None:
    assert address(text) == expected


@pytest.mark.parametrize("name, number", [("TERM", 15), ("sigterm", 15), ("9", 9), ("NOPE", None), ("999", None)])
def test_a_signal_is_known_by_its_name(name: str, number: int | None) -> None:
    assert number_of(name) == number


def test_a_number_gets_its_signals_name() -> None:
    assert (name_of(15), name_of(63)) == ("SIGTERM", "signal 63")


def test_sound_options_have_no_problems() -> None:
    assert ProcessOptions(command=("true",), umask="027", limits={"nofile": Size(9)}).problems() == []
    assert CommandOptions(start=("a",), stop=("b",)).problems() == []
    assert ComponentOptions(object="a.b:c.d").problems() == []
    assert ReadyOptions(notify=True).problems() == []


@pytest.mark.parametrize(
    "options, field",
    [
        (ProcessOptions(command=()), "command"),
        (ProcessOptions(command=("a\0b",)), "command"),
        (ProcessOptions(command=("a",), environment={"A=B": "c"}), "environment"),
        (ProcessOptions(command=("a",), umask="999"), "umask"),
        (ProcessOptions(command=("a",), stop_signal="NOPE"), "stop_signal"),
        (ProcessOptions(command=("a",), limits={"files": Size(1)}), "limits"),
        (CommandOptions(start=(), stop=("b",)), "start"),
        (CommandOptions(start=("a",), stop=("b",), status=("",)), "status"),
        (ComponentOptions(object="no-place"), "object"),
        (ReadyOptions(), ""),
        (ReadyOptions(tcp=1, notify=True), ""),
        (ReadyOptions(tcp="nowhere"), "tcp"),
        (ReadyOptions(output="("), "output"),
        (LogOptions(max_size=Size(1)), "max_size"),
        (LogOptions(keep=-1), "keep"),
    ],
)
def test_what_makes_no_sense_is_a_problem_of_its_field(
    options: ProcessOptions | CommandOptions | ComponentOptions | ReadyOptions | LogOptions, field: str
) -> None:
    assert [name for name, _ in options.problems()] == [field]


@pytest.mark.parametrize("name", ["../../etc", "..", "a/b", ".", "web one"])
def test_the_folder_of_a_service_stays_inside(name: str) -> None:
    folder = folder_name(name)

    assert len(folder.parts) == 1
    assert folder.name not in ("", ".", "..")


def test_rotation_loses_no_line_while_nobody_writes(tmp_path: Path) -> None:
    log = OutputLog(tmp_path / "web", LogOptions(max_size=Size(4096), keep=3))
    lines = [f"line {number}" for number in range(40)]
    with os.fdopen(log.open(), "a") as file:
        for number, line in enumerate(lines):
            file.write(line + "\n")
            file.flush()
            if number % 10 == 9:
                log.rotate()
    kept = [
        line for number in (3, 2, 1) for line in (tmp_path / "web" / f"output.log.{number}").read_text().split("\n")
    ]

    assert [line for line in kept if line] == lines[10:]
    assert log.tail(5) == lines[-5:]
    assert log.size() == 0


def test_the_tail_of_a_huge_file_is_read_from_its_end_only(tmp_path: Path) -> None:
    log = OutputLog(tmp_path, LogOptions())
    log.path.write_bytes(b"x" * 5_000_000 + b"\n" + b"y" * 9000 + b"\nlast \xff\n")

    assert log.tail(2) == ["y" * 2000, "last \ufffd"]
    assert log.tail(0) == []
