"""The channels that reach nobody over a network: log, console, file and exec, with real files and programs."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from salus.errors import DeliveryError
from salus.model import Occasion
from tests.integration.channels.outlets import channel, configured, outlet
from tests.letters import DISK, LETTERS, WEB, digest, firing, healed, late, letter
from tests.stage import alive

# ── log ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "sort, level",
    [
        ("firing", "CRITICAL"),
        ("acknowledged", "INFO"),
        ("reminder", "WARNING"),
        ("healed", "INFO"),
        ("test", "INFO"),
        ("digest", "CRITICAL"),
    ],
)
async def test_the_log_gets_one_line_on_the_level_of_the_alert(
    sort: str, level: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "salus.alerts"):
        await channel("log", None, outlet(tmp_path)).send(LETTERS[sort]())
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("salus.alerts", level)
    assert "\n" not in record.getMessage()


async def test_the_line_in_the_log_says_what_and_where_to_read_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await channel("log", None, outlet(tmp_path)).send(late())
    assert caplog.records[0].getMessage() == (
        "Critical: web-http is unhealthy: expected status 2xx, got 503 Service Unavailable (sent 10m late) "
        "https://salus.example.org/health-dashboard/alerts/7f9c2ba4"
    )


async def test_the_line_in_the_log_about_several_tells_what_is_new_of_each(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = letter(Occasion.FIRING, WEB, DISK)
    told = replace(made.notification, fresh=frozenset({DISK.fingerprint}))
    for one in (made, replace(made, notification=told)):
        await channel("log", None, outlet(tmp_path)).send(one)
    both, news = (record.getMessage() for record in caplog.records)
    assert both.startswith(
        "Critical, 2 firing: web (web-http, disk): Critical: web-http is unhealthy: expected status 2xx, got 503 "
        "Service Unavailable (for 1m); Warning: disk is filling up: expected free_ratio above 0.15, got 0.12 (for 1m)"
    )
    assert news.startswith("Critical, 2 firing: web (web-http, disk): Warning: disk is filling up")


# ── console ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_console_prints_all_of_it_plain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await channel("console", None, outlet(tmp_path)).send(healed())
    printed = capsys.readouterr().out
    assert printed.startswith("[production] Resolved after 1m44s: web-http is unhealthy")
    assert "\n  Runbook: https://runbooks.example.org/web\n" in printed
    assert "\x1b" not in printed


class Terminal(io.StringIO):
    encoding = "ascii"

    def isatty(self) -> bool:
        return True


async def test_on_a_terminal_the_title_is_coloured_and_nothing_else_is_markup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    made = firing()
    alert = replace(made.notification.alerts[0], detail="[red]no markup[/red] \u20ac")
    await channel("console", None, outlet(tmp_path)).send(
        replace(made, notification=replace(made.notification, alerts=(alert,)))
    )
    assert terminal.getvalue().startswith("\x1b[1;31m[production] Critical")
    assert "[red]no markup[/red] ?" in terminal.getvalue()


async def test_a_closed_standard_output_is_passing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr("sys.stdout", closed)
    with pytest.raises(DeliveryError, match="standard output cannot be written") as caught:
        await channel("console", None, outlet(tmp_path)).send(firing())
    assert not caught.value.permanent


# ── file ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


async def test_a_file_gets_one_line_of_json_for_each_notification(tmp_path: Path) -> None:
    made = channel("file", str(tmp_path / "alerts.jsonl"), outlet(tmp_path))
    for one in (firing(), healed(), digest()):
        await made.send(one)
    path = tmp_path / "alerts.jsonl"
    assert [line["state"] for line in lines(path)] == ["firing", "resolved", "firing"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_line_that_was_cut_short_does_not_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    path.write_text('{"half": ')
    await channel("file", str(path), outlet(tmp_path)).send(firing())
    first, second = path.read_text().splitlines()
    assert first == '{"half": '
    assert json.loads(second)["state"] == "firing"


async def test_a_file_that_is_full_is_put_aside_once(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    made = channel("file", {"path": str(path), "max_size": "4KiB"}, outlet(tmp_path))
    for _ in range(9):
        await made.send(firing())
    assert sorted(file.name for file in tmp_path.iterdir()) == ["alerts.jsonl", "alerts.jsonl.1"]
    for file in tmp_path.iterdir():
        assert file.stat().st_size <= 4096
        assert lines(file)


async def test_a_symbolic_link_is_refused_and_its_target_is_left_alone(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("precious")
    link.symlink_to(target)
    for max_size in (0, 1):
        made = channel("file", {"path": str(link), "max_size": max_size}, outlet(tmp_path))
        with pytest.raises(DeliveryError, match="symbolic link") as caught:
            await made.send(firing())
        assert caught.value.permanent
    assert target.read_text() == "precious"
    assert link.is_symlink()


async def test_a_pipe_that_nobody_reads_hangs_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DeliveryError, match="not a regular file"):
        await channel("file", str(tmp_path / "pipe"), outlet(tmp_path)).send(firing())


@pytest.mark.parametrize("path", ["/dev/full", "missing/alerts.jsonl"])
async def test_a_file_that_cannot_be_written_says_so(tmp_path: Path, path: str) -> None:
    with pytest.raises(DeliveryError, match=path):
        await channel("file", path, outlet(tmp_path)).send(firing())


# ── exec ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def script(folder: Path, body: str) -> str:
    path = folder / "notify"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o700)
    return str(path)


async def test_a_program_gets_the_document_and_the_environment(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = script(tmp_path, f'env | grep ^SALUS_ | sort > {out}; cat > {out}.json; echo "told $1"')
    raw = {"command": [command, "ops"], "environment": {"SALUS_EXTRA": "s3cr3t"}}
    made = channel("exec", raw, outlet(tmp_path))
    assert await made.send(healed()) == "told ops"
    assert json.loads(Path(f"{out}.json").read_text())["alerts"][0]["check"] == "web-http"
    seen = out.read_text()
    for line in (
        "SALUS_CHANNEL=ops", "SALUS_STATE=resolved", "SALUS_LEVEL=info", "SALUS_CHECK=web-http", "SALUS_EXTRA=s3cr3t",
        "SALUS_ALERTS=1", "SALUS_NOTIFICATION=01JDCB5V7Q4W", "SALUS_CHILD=test-state:action:notify-ops",
        "SALUS_LINK=https://salus.example.org/health-dashboard/alerts/7f9c2ba4",
    ):  # fmt: skip
        assert line in seen
    assert "s3cr3t" not in repr(made)


@pytest.mark.parametrize(
    "code, permanent", [(75, False), (1, False), (64, True), (65, True), (126, False), (127, False), (255, False)]
)
async def test_an_exit_code_is_passing_unless_it_says_that_nothing_will_help(
    tmp_path: Path, code: int, permanent: bool
) -> None:
    command = script(tmp_path, f"echo first; echo 'no: '$TOKEN >&2; exit {code}")
    made = channel("exec", {"command": [command], "environment": {"TOKEN": "s3cr3t"}}, outlet(tmp_path))
    with pytest.raises(DeliveryError, match=rf"notify exited with {code}.*: no: \*\*\*$") as caught:
        await made.send(firing())
    assert caught.value.permanent is permanent


async def test_a_program_killed_by_a_signal_is_passing(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="was killed by signal 9, without a word") as caught:
        await channel("exec", [script(tmp_path, "kill -9 $$")], outlet(tmp_path)).send(firing())
    assert not caught.value.permanent


async def test_a_program_that_hangs_is_killed_with_all_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    made = channel("exec", [script(tmp_path, f"sleep 987 & echo $! $$ > {pids}; wait")], outlet(tmp_path))
    with pytest.raises(DeliveryError, match="did not end within 3 s and was killed"):
        await made.send(replace(firing(), timeout=3.0))  # by then it has begun, on the slowest machine
    assert [pid for pid in pids.read_text().split() if alive(int(pid))] == []


async def test_a_program_that_is_missing_is_passing_and_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="there is no program '/missing/notify'") as caught:
        await channel("exec", ["/missing/notify"], outlet(tmp_path)).send(firing())
    assert not caught.value.permanent
    assert "chmod" in (caught.value.remedy or "")


async def test_what_a_program_says_is_one_bounded_line(tmp_path: Path) -> None:
    command = script(tmp_path, "head -c 100000 /dev/zero | tr '\\0' x; printf '\\033[31m'")
    said = await channel("exec", [command], outlet(tmp_path)).send(firing())
    assert len(said) <= 200
    assert said.isprintable()


def test_a_command_that_no_shell_takes_apart_is_a_problem() -> None:
    options = configured("exec", ["true"])
    assert type(options)(command=("mail -s alert",)).problems()


async def test_channels_do_not_wait_for_each_other(tmp_path: Path) -> None:
    slow = channel("exec", [script(tmp_path, "sleep 987")], outlet(tmp_path))
    hanging = asyncio.create_task(slow.send(firing()))
    async with asyncio.timeout(30):
        await channel("file", str(tmp_path / "alerts.jsonl"), outlet(tmp_path)).send(firing())
    assert not hanging.done()
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging
