"""The demo as a stranger runs it: a real Salus, real services, real faults."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

TITLES = (
    "API killed (SIGKILL)",
    "API hangs (SIGSTOP)",
    "worker leaks memory",
    "API stops listening",
    "API answers 500",
    "upload folder fills up",
    "cache file corrupted",
    "database killed, API fails",
    "web server's master killed",
)
DEMO = [sys.executable, "-m", "salus.cli.main", "demo"]


class Theatre:
    """Runs the demo in a folder for temporary files of its own, so that everything of it can be found."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "TMPDIR": str(folder), "TERM": "xterm-256color"}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*DEMO, *arguments], env=self.environment, capture_output=True, text=True, timeout=55, check=False
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*DEMO, *arguments], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def processes(self, word: str = "") -> list[int]:
        """Return who has this folder, and the word, in its command line."""
        found = []
        for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):  # noqa: PTH208 - names are all it takes
            with contextlib.suppress(OSError):
                line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                if f"{self.folder}/" in line and word in line:
                    found.append(pid)
        return found

    def is_empty(self) -> bool:
        return not self.processes() and not list(self.folder.iterdir())


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    theatre = Theatre(tmp_path)
    yield theatre
    for pid in theatre.processes():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def wait_until(true: Callable[[], object], within: float = 40.0) -> None:
    until = time.monotonic() + within
    while not true():
        assert time.monotonic() < until, "it did not come true in time"
        time.sleep(0.01)  # noqa: TID251 - processes of another program, which tell us nothing


@pytest.mark.alone
def test_every_fault_is_healed_and_verified_and_nothing_healthy_is_touched(theatre: Theatre) -> None:
    began = time.monotonic()
    done = theatre.run("--once")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith(TITLES)]
    assert [row.partition("  ")[0] for row in rows] == list(TITLES)
    for row in rows:
        assert row.endswith("  1  recovered, verified")
        assert re.search(r"  \d[\d.]* m?s +\d[\d.]* m?s  ", row), row
    assert "Passed: 9 of 9 faults healed and verified, nothing healthy was touched" in done.stdout
    assert done.stdout.isascii()
    assert done.stderr == ""
    assert theatre.is_empty()
    assert time.monotonic() - began < 45


def test_it_fails_when_salus_may_not_heal(theatre: Theatre) -> None:
    done = theatre.run("--once", "--no-heal")
    assert done.returncode == 1
    assert "refused: healing_off" in done.stdout
    assert "FAILED: 0 of 9 faults healed and verified, 8 not tried" in done.stdout
    assert theatre.is_empty()


@pytest.mark.timeout(180)
def test_it_fails_when_something_healthy_is_touched(theatre: Theatre) -> None:
    demo = theatre.start("--once", "--only", "dependency")
    wait_until(lambda: theatre.processes("programs.db"))
    first = theatre.processes("programs.db")
    wait_until(lambda: theatre.processes("programs.db") != first)  # the fault: the database is dead
    os.kill(theatre.processes("programs.mail")[0], signal.SIGKILL)  # and who was never broken gets another process
    output, _ = demo.communicate(timeout=100)
    assert demo.returncode == 1, output
    assert "mail was healthy, and is another process now" in output
    assert "rules acted on what was not broken: mail" in output
    assert "FAILED: 0 of 1 faults healed and verified" in output
    assert theatre.is_empty()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_leaves_nothing_behind_when_it_is_interrupted(theatre: Theatre, number: signal.Signals) -> None:
    demo = theatre.start("--once", "--only", "hang")
    wait_until(lambda: len(theatre.processes("programs.")) >= 4)
    demo.send_signal(number)
    demo.communicate(timeout=30)
    assert demo.returncode == 130
    assert theatre.is_empty()


def test_it_leaves_no_process_behind_when_it_is_killed(theatre: Theatre) -> None:
    demo = theatre.start("--once", "--only", "hang")
    wait_until(lambda: len(theatre.processes("programs.")) >= 4)
    demo.kill()
    demo.communicate(timeout=10)
    wait_until(lambda: not theatre.processes())


@pytest.mark.alone
def test_its_json_says_the_same_to_a_program(theatre: Theatre) -> None:
    done = theatre.run("--json", "--only", "folder", "--only", "dependency")
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert told["passed"] is True
    folder, dependency = told["faults"]
    assert folder["actions"] == ["clean_temporary_files"]
    assert dependency["actions"] == ["restart_service"]
    assert sorted(dependency["held"]) == ["api-health", "checkout"]
    assert 0 < dependency["detected_after"] < 1 < dependency["healed_after"] < 10


@pytest.mark.alone
def test_the_folder_can_be_kept_and_its_config_is_valid(theatre: Theatre) -> None:
    done = theatre.run("--once", "--only", "cache", "--keep")
    assert done.returncode == 0
    (folder,) = theatre.folder.iterdir()
    assert f"Kept: {folder}" in done.stdout
    checked = subprocess.run(
        [sys.executable, "-m", "salus.cli.main", "validate", "-c", str(folder / "demo.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_wrong_option_is_a_usage_error(theatre: Theatre) -> None:
    done = theatre.run("--twice")
    assert done.returncode == 64
    assert "--twice" in done.stderr


@pytest.mark.alone
def test_in_a_terminal_a_live_page_shows_it_until_ctrl_c(theatre: Theatre) -> None:
    pid, terminal = pty.fork()
    if not pid:
        os.execve(sys.executable, [*DEMO, "--pause", "100ms", "--only", "kill", "--only", "cache"], theatre.environment)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))
    seen, interrupted = b"", False
    until = time.monotonic() + 50
    while time.monotonic() < until:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                seen += os.read(terminal, 65536)
            except OSError:  # it has gone
                break
        if not interrupted and seen.count(b"looked at from outside") > 1 and b"Now: cache file corrupted" in seen:
            os.write(terminal, b"\x03")
            interrupted = True
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    text = seen.decode(errors="replace")
    assert interrupted
    assert os.waitstatus_to_exitcode(status) == 0
    assert "healthy" in text
    assert "api-up: recovered after" in text
    assert "\x1b[?1049l" in text, "the terminal is given back"
    assert "Passed: " in text.rpartition("\x1b[?1049l")[2]
    assert theatre.is_empty()
