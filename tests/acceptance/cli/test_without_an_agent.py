"""The real command, where no Salus runs."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import pty
import re
import socket
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from salus.cli.root import COMMANDS
from salus.ports import Batch
from salus.store.sqlite import SqliteStore
from tests.acceptance.salus_process import free_port
from tests.fake_agent import RECOVERY

SALUS = str(Path(sys.executable).with_name("salus"))

CONFIG = """\
salus: {listen: "127.0.0.1:0", state_dir: ./state}
checks:
  root:
    disk: {path: /, free_above: 0%}
  answers:
    command: {run: [sh, -c, "echo 'all | well'"]}
  fails:
    command: {run: [sh, -c, "echo broken; exit 1"]}
"""

Salus = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def salus(tmp_path: Path) -> Salus:
    """Run the command in a folder of its own."""
    kept = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"}

    def run(*arguments: str, text: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [SALUS, *arguments],
            cwd=tmp_path, env={**kept, **environ}, input=text, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip

    return run


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "salus.yaml"
    file.write_text(CONFIG)
    return file


def test_it_tells_its_version(salus: Salus) -> None:
    assert salus("--version").stdout.startswith("salus 0.")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nope"],
        ["--nope"],
        ["check"],
        ["check", "--all", "root"],
        ["history", "--since", "yesterday"],
        ["run", "--log-format", "xml"],
        ["service", "explode", "web"],
        ["health", "--nope"],
        ["health", "--port", "http"],
        ["pause"],
        ["pause", "--for", "soon", "--all"],
        ["maintenance", "start", "--for", "1h"],
        ["approve"],
        ["explain"],
    ],
)
def test_a_command_line_that_makes_no_sense_is_64(salus: Salus, arguments: list[str]) -> None:
    done = salus(*arguments)
    assert done.returncode == 64
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_a_mistyped_command_is_guessed(salus: Salus) -> None:
    assert salus("validat").stderr == "salus: there is no command 'validat' (did you mean 'validate'?)\n"


@pytest.mark.parametrize(
    "command", ["run", "status", "validate", "history", "check --all", "heal x", "ledger check", "explain x", "resume"]
)
def test_without_a_config_the_remedy_is_init(salus: Salus, command: str) -> None:
    done = salus(*command.split())
    assert done.returncode in (1, 3)
    assert "`salus init` writes one" in done.stderr


@pytest.mark.timeout(180)  # it calls every one of them
def test_every_command_explains_itself(salus: Salus) -> None:
    listed = salus("--help").stdout.split("Commands:\n")[1].split("\n\n")[0]
    names = [line.split()[0] for line in listed.splitlines()]
    assert names == list(COMMANDS)
    for name in names:
        if name == "demo":
            continue
        done = salus(name, "--help")
        assert done.returncode == 0
        assert done.stdout.startswith(f"Usage: salus {name}")


VALID = "valid: 3 checks, 0 services, 0 rules\n"


def test_a_valid_config_is_counted_and_an_invalid_one_shown(salus: Salus, config: Path) -> None:
    done = salus("validate")
    assert (done.returncode, done.stdout) == (0, VALID)
    config.write_text("checks:\n  root:\n    disk: {path: /, free_abov: 0%}\n")
    done = salus("validate")
    assert done.returncode == 1
    assert done.stdout == (
        "salus.yaml:3:21: checks.root.disk.free_abov: unknown key 'free_abov' (did you mean 'free_above'?)\n"
        "    3 |     disk: {path: /, free_abov: 0%}\n"
        "      |                     ^\n"
        "not valid: 1 problem\n"
    )
    told = json.loads(salus("validate", "--json").stdout)
    assert (told["valid"], told["problems"][0]["line"], told["problems"][0]["column"]) == (False, 3, 21)


def test_a_mistake_that_hides_others_says_so_and_what_watches_nothing_is_warned_of(salus: Salus, config: Path) -> None:
    config.write_text("checks: {a: {memory: , timout: 1s}, b: nope}\n")
    done = salus("validate")
    assert "unknown key 'timout'" in done.stdout
    assert done.stdout.endswith("\nnot valid: 1 problem; more may show once that is mended\n")
    config.write_text("checks: {a: memory, b: nope}\n")
    assert salus("validate").stdout.endswith("\nnot valid: 1 problem\n")
    config.write_text("")
    done = salus("validate")
    assert done.returncode == 0
    assert done.stdout.startswith("warning: salus.yaml: nothing is watched: there is no check in it (")
    assert done.stdout.endswith("\nvalid: 0 checks, 0 services, 0 rules\n")
    assert "nothing is watched" in json.loads(salus("validate", "--json").stdout)["warnings"][0]["what"]


def test_a_config_can_come_from_standard_input(salus: Salus) -> None:
    assert salus("validate", "-", text=CONFIG).stdout == VALID
    mine = (
        f"{CONFIG}alerts: {{channels: {{mine: {{file: ./mine}}}}, rules: {{a: {{on: paused}}, b: {{on: paused}}}}}}\n"
    )
    assert salus("validate", "-", text=mine).stdout == f"{VALID.rstrip()}, 2 alert rules, 1 channel\n"
    assert salus("validate", "-", text="checks: 7").returncode == 1


def test_run_refuses_a_config_with_problems(salus: Salus, config: Path) -> None:
    config.write_text("checks:\n  a:\n    nope: {}\n")
    done = salus("run")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0].startswith("salus.yaml:3:5: checks.a")
    assert done.stderr.splitlines()[-1] == "salus: the config has 1 problem"


@pytest.mark.parametrize(
    "arguments, code, line",
    [
        (["answers"], 0, "answers OK - all / well"),
        (["fails"], 2, "fails CRITICAL - "),
        (["nope"], 3, "SALUS UNKNOWN - there is no check 'nope'"),
    ],
)
def test_a_check_speaks_nagios(salus: Salus, config: Path, arguments: list[str], code: int, line: str) -> None:
    done = salus("check", *arguments)
    assert done.returncode == code
    assert done.stdout.startswith(line)


def test_all_checks_end_with_the_worst(salus: Salus, config: Path) -> None:
    done = salus("check", "--all")
    assert done.returncode == 2
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["root", "OK"], ["answers", "OK"], ["fails", "CRITICAL"],
    ]  # fmt: skip
    assert [one["status"] for one in json.loads(salus("check", "--all", "--json").stdout)] == [
        "healthy", "healthy", "unhealthy",
    ]  # fmt: skip


def test_status_says_that_nothing_runs(salus: Salus, config: Path, tmp_path: Path) -> None:
    done = salus("status")
    assert done.returncode == 1
    remedy = "start it with `salus run`, or the application that it is in"
    assert done.stdout.splitlines()[0] == f"no Salus answers at {tmp_path}/state/salus.sock ({remedy})"
    assert json.loads(salus("status", "--json").stdout)["running"] is False


def test_a_ledger_that_is_not_there_is_told(salus: Salus, config: Path) -> None:
    assert salus("ledger", "check").stdout.startswith("there is no ledger yet")
    assert salus("ledger", "reset", "--yes").returncode == 1
    done = salus("history")
    assert done.returncode == 1
    assert "does not exist" in done.stderr


def test_a_broken_ledger_is_told_and_set_aside_with_nothing_lost(salus: Salus, config: Path, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "ledger.sqlite").write_bytes(b"precious rubbish" * 100)
    done = salus("ledger", "check")
    assert done.returncode == 1
    assert done.stdout.startswith("not sound: ")
    assert salus("ledger", "reset", text="n\n").returncode == 130
    assert salus("ledger", "reset", "--yes").returncode == 0
    (aside,) = (tmp_path / "state").glob("ledger.sqlite.*")
    assert aside.read_bytes() == b"precious rubbish" * 100


def test_init_writes_a_config_that_is_valid_and_never_replaces_one(salus: Salus, tmp_path: Path) -> None:
    assert salus("init").returncode == 0
    assert salus("validate").returncode == 0
    before = (tmp_path / "salus.yaml").read_text()
    done = salus("init")
    assert done.returncode == 1
    assert done.stderr == "salus: salus.yaml is there already; name another file, or replace it with --force\n"
    assert (tmp_path / "salus.yaml").read_text() == before
    assert salus("init", "-").stdout.startswith("# Salus on ")


def test_the_schema_is_json(salus: Salus) -> None:
    assert json.loads(salus("schema").stdout)["title"] == "Salus config"


def test_kinds_are_listed_and_explained(salus: Salus) -> None:
    listed = salus("kinds").stdout
    assert all(f"\n{name} " in listed for name in ("http", "process", "restart_service"))
    http = salus("kinds", "http").stdout
    assert http.startswith("http (check)\n")
    assert "\nurl " in http
    assert "(required)" in http
    assert salus("kinds", "command").stdout.count("command (") == 2
    assert salus("kinds", "htpp").stderr == "salus: there is no kind 'htpp' (did you mean 'http'?)\n"


def on_a_terminal(folder: Path, columns: int, *arguments: str, **environ: str) -> str:
    """Run the command where a person looks."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    known = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", "TERM": "xterm-256color", **environ}
    process = subprocess.Popen([SALUS, *arguments], cwd=folder, env=known, stdout=theirs, stderr=theirs)
    os.close(theirs)
    written = b""
    with contextlib.suppress(OSError):  # the terminal is gone when nobody has it open any more
        while part := os.read(ours, 65536):
            written += part
    os.close(ours)
    assert process.wait(30) in (0, 1)
    return written.decode().replace("\r\n", "\n")


def test_a_person_sees_icons_words_and_colours_and_no_color_is_honoured(tmp_path: Path, config: Path) -> None:
    write_history(tmp_path / "state")
    seen = on_a_terminal(tmp_path, 120, "history")
    assert "✓ recovered" in seen
    assert "\x1b[32m" in seen
    plain = on_a_terminal(tmp_path, 120, "history", NO_COLOR="1")
    assert "✓ recovered" in plain
    assert "\x1b[32m" not in plain
    narrow = on_a_terminal(tmp_path, 60, "history", NO_COLOR="1")
    assert max(len(line) for line in re.sub(r"\x1b\[[0-9;]*m", "", narrow).splitlines()[:-1]) <= 60
    assert "01A" in narrow
    assert "✓ recovered" in narrow


def write_history(state_dir: Path) -> None:
    async def write() -> None:
        store = SqliteStore(state_dir / "ledger.sqlite")
        await store.open()
        await store.write(Batch(recoveries=[RECOVERY]))
        await store.close()

    state_dir.mkdir()
    asyncio.run(write())


def test_one_recovery_is_told_with_its_steps_and_its_evidence(salus: Salus, tmp_path: Path, config: Path) -> None:
    write_history(tmp_path / "state")
    assert (
        salus("history", "01").stdout
        == """\
id:            01A
check:         web
attempt:       2
touched:       service:web
because:       expected status 200, got 500
failing since: 2026-03-01T11:59:54Z
decided:       2026-03-01T11:59:55Z, 1 s after the first bad look
first action:  2.0 ms after the decision
ended:         2026-03-01T11:59:57Z, 3 s after the first bad look

web recovered after 1.94 s: healthy after restart_service
STEP  ACTION           RESULT  TOOK    CHECK AFTER  MESSAGE
1     log              ok      0.0 ms  -            -
2     restart_service  ok      340 ms  passes       web restarted, pid 778

Evidence recorded when it ended:
  last_output:
    Traceback (most recent call last):
    MemoryError
"""
    )


def test_a_reader_that_goes_away_is_no_error(salus: Salus) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{SALUS} schema | head -1"], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stderr == ""


def test_completion_by_the_shell_knows_the_commands(salus: Salus) -> None:
    done = salus(_SALUS_COMPLETE="bash_complete", COMP_WORDS="salus he", COMP_CWORD="1")
    assert done.stdout.split() == ["plain,health", "plain,heal"]


# ── salus health ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield one


def answer_once(listener: socket.socket, answer: bytes) -> threading.Thread:
    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


@pytest.mark.parametrize(
    "answer, code",
    [
        (b"HTTP/1.1 200 OK\r\n\r\nhealthy\n", 0),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\nunhealthy\n", 1),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", 1),
        (b"HTTP/1.1 302 Found\r\nlocation: /\r\n\r\n", 1),
        (b"SSH-2.0-OpenSSH\r\n", 1),
        (b"HTTP/1.1", 1),
        (b"", 1),
        (b"\x00\xff" * 1000, 1),
    ],
)
def test_health_is_0_or_1_whatever_answers(salus: Salus, listener: socket.socket, answer: bytes, code: int) -> None:
    thread = answer_once(listener, answer)
    done = salus("health", "--port", str(listener.getsockname()[1]))
    thread.join(10)
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_health_is_1_when_nobody_listens(salus: Salus) -> None:
    port = free_port()
    done = salus("health", SALUS_LISTEN=f"127.0.0.1:{port}")
    assert done.returncode == 1
    assert done.stderr == f"salus health: 127.0.0.1:{port}: nobody listens there (is `salus run` running?)\n"


def test_health_is_1_when_the_answer_takes_too_long(salus: Salus, listener: socket.socket) -> None:
    done = salus("health", "-t", "200ms", "-p", str(listener.getsockname()[1]))
    assert done.returncode == 1
    assert "no answer within 0.2 s" in done.stderr


def test_health_is_1_when_the_host_is_unknown(salus: Salus) -> None:
    assert salus("health", "-H", "no.such.host.invalid").returncode == 1


def test_health_imports_nothing_outside_the_standard_library_and_no_asyncio() -> None:
    code = (
        "import sys; sys.argv = ['salus', 'health', '--help']; from salus.cli.main import main; main();"
        "print(*{name.partition('.')[0] for name in sys.modules} - {'salus', '__main__', '_distutils_hack'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert not loaded - sys.stdlib_module_names - {"sitecustomize", "usercustomize"}
    assert not loaded & {"asyncio", "http", "argparse", "json", "logging", "subprocess", "inspect"}
