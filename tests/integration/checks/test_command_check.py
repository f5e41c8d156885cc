"""Real programs: exit codes, Nagios plugins, output, and what cannot be run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from salus.checks.command import Command
from salus.errors import CheckBrokenError
from salus.model import Observation, Status
from salus.units import Duration
from tests.looks import look_once


async def run(code: str, **options: Any) -> Observation:
    return await look_once(Command(run=(sys.executable, "-I", "-S", "-c", code), **options))


@pytest.mark.parametrize(
    "code, status",
    [(0, Status.HEALTHY), (1, Status.UNHEALTHY), (4, Status.DEGRADED), (5, Status.UNKNOWN), (9, Status.HEALTHY)],
)
async def test_the_exit_code_is_the_verdict(code: int, status: Status) -> None:
    observation = await run(
        f"import sys; print('\\nhello'); sys.exit({code})", healthy_codes=(0, 9), warn_codes=(4,), unknown_codes=(5,)
    )
    assert (observation.status, observation.message) == (status, "hello")
    assert observation.metrics["exit_code"].value == code


@pytest.mark.parametrize(
    "code, status",
    [(0, Status.HEALTHY), (1, Status.DEGRADED), (2, Status.UNHEALTHY), (3, Status.UNKNOWN), (77, Status.UNKNOWN)],
)
async def test_a_nagios_plugin_is_understood(code: int, status: Status) -> None:
    observation = await run(f"print('DISK - 3% free | /=97%;80;90'); raise SystemExit({code})", nagios=True)
    assert (observation.status, observation.message) == (status, "DISK - 3% free")
    assert observation.metrics["value_ratio"].value == pytest.approx(0.97)


async def test_what_it_wrote_to_stderr_is_told_when_it_wrote_nothing_else() -> None:
    observation = await run("import sys; sys.exit('no connection')")
    assert (observation.status, observation.message) == (Status.UNHEALTHY, "no connection")


async def test_silence_is_told_as_expected_against_actual() -> None:
    assert (await run("raise SystemExit(7)")).message == "ended with 7, expected 0"


@pytest.mark.parametrize(
    "command, says, cause",
    [
        (("/no/such/program",), "No such file", "missing_file"),
        (("/",), "ermission denied", "permission"),
        ((sys.executable, "-c", "raise SystemExit(127)"), "not found", "exit_127"),
        ((sys.executable, "-c", "raise SystemExit(126)"), "not executable", "exit_126"),
        ((sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"), "signal 9", "signal_9"),
    ],
)
async def test_a_program_that_cannot_be_run_cannot_tell_and_says_why_in_one_word(
    command: tuple[str, ...], says: str, cause: str
) -> None:
    with pytest.raises(CheckBrokenError, match=says) as broken:
        await look_once(Command(run=command))
    assert broken.value.cause == cause


async def test_a_user_who_does_not_exist_is_the_checks_own_trouble() -> None:
    with pytest.raises(CheckBrokenError, match="no user") as broken:
        await look_once(Command(run=("/bin/true",), user="nobody-of-that-name"))
    assert broken.value.cause == "not_known"


async def test_programs_that_end_alike_say_so_in_one_word() -> None:
    assert (await run("raise SystemExit(7)")).cause == "exit_7"
    assert (await run("raise SystemExit(3)", nagios=True)).cause == "exit_3"
    assert (await run("pass")).cause == ""


async def test_environment_folder_and_input_are_its_own(tmp_path: Path) -> None:
    observation = await run(
        "import os, sys; print(os.environ['ASKED'], os.getcwd(), sys.stdin.read())",
        environment={"ASKED": "yes"},
        directory=tmp_path,
        stdin="given",
    )
    assert observation.message == f"yes {tmp_path} given"


async def test_the_environment_of_salus_is_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALUS_TEST_SECRET", "hidden")
    observation = await run("import os; print(sorted(os.environ))")
    assert "SALUS_TEST_SECRET" not in observation.message


@pytest.mark.parametrize(
    "options, says",
    [
        ({"output_contains": "green"}, "'green' is not in the output"),
        ({"output_not_contains": "red"}, "'red' is in the output"),
        ({"output_matches": r"^blue \d+$"}, "nothing in the output matches"),
    ],
)
async def test_the_output_is_judged(options: dict[str, str], says: str) -> None:
    observation = await run("print('red 1')", **options)
    assert observation.status is Status.UNHEALTHY
    assert says in observation.message


async def test_a_slow_command_is_told() -> None:
    observation = await run("print('ok')", warn_duration_below=Duration(0.000001))
    assert observation.status is Status.DEGRADED
    assert "expected below 0.0 ms" in observation.message


@pytest.mark.parametrize(
    "options, field",
    [
        (Command(run=()), "run"),
        (Command(run=("x",), healthy_codes=(0, 1), warn_codes=(1,)), "warn_codes"),
        (Command(run=("x",), nagios=True, warn_codes=(1,)), "nagios"),
        (Command(run=("x",), output_matches="("), "output_matches"),
    ],
)
def test_options_that_make_no_sense_are_told(options: Command, field: str) -> None:
    assert [name for name, _ in options.problems()] == [field]
