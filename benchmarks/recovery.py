"""From ``kill -9`` to serving again: Salus beside a bare loop in C, runit, supervisord and Monit.

All of them supervise the same program at the same time, and in every round each of them loses its copy once. The
program says over UDP when it serves, with its own clock reading, so the measure is exact and the same for everybody.
Salus does all it always does: check, rule, ledger row before the act, restart, verification.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks._common import Row, find_program, free_port, median, print_table

_SOURCES = Path(__file__).with_name("_serving")
# runit waits a second before it restarts what lived for less; so everybody is given a little more than that to settle.
_PAUSE = 1.1
_SLOW_ROUNDS = 8

_PYTHON_SERVE = """
import os, signal, socket, sys, time
text = f"{os.getpid()} {time.monotonic_ns()}".encode()
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(text, ("127.0.0.1", int(sys.argv[1])))
while True:
    signal.pause()
"""
_SALUS = """
salus:
  listen: 127.0.0.1:{listen}
  state_dir: {folder}/state
services:
  serve: {{process: {{command: {command}}}}}
checks:
  up: {{process: {{service: serve}}, interval: 30s, service: serve}}
rules:
  up:
    min_failure_count: 1
    cooldown_period: 0s
    max_recovery_attempts: 100000
    actions: [restart_service]
limits: {{recoveries_per_hour: 100000}}
"""
_SUPERVISORD = """
[supervisord]
nodaemon=true
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid
[program:serve]
command={command}
startsecs=0
autorestart=true
"""
_MONIT = """
set daemon 1
set logfile {folder}/monit.log
set pidfile {folder}/monit.pid
set idfile {folder}/monit.id
set statefile {folder}/monit.state
check process serve matching "{pattern}"
  start program = "{start}" with timeout 3 seconds
  stop program = "/bin/true"
"""


@dataclass
class Supervised:
    """One supervisor with its copy of the program.

    Attributes:
        name: of the supervisor.
        argv: what runs it, given its folder and the program's command.
        rounds: at most so many kills; the slow ones would take all day.
    """

    name: str
    argv: Callable[[Path, list[str]], Sequence[str]]
    rounds: int = 10**6
    seconds: list[float] = field(default_factory=list)
    wrong: str = ""
    _listener: socket.socket = field(init=False)
    _pid: int = 0

    @contextlib.contextmanager
    def running(self, folder: Path, program: list[str]) -> Iterator[None]:
        """Run it until the block ends; it serves when the block begins."""
        folder.mkdir()
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._listener.bind(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        argv = self.argv(folder, [*program, str(port)])
        with (folder / "output").open("wb") as output:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder)
        try:
            self._serves(20.0)
            yield
        finally:
            _end(process)
            with contextlib.suppress(ProcessLookupError):
                if self._pid:
                    os.kill(self._pid, signal.SIGKILL)
            self._listener.close()

    def kill(self) -> None:
        """Kill the copy and measure how long it takes until another one serves."""
        if self.wrong or len(self.seconds) >= self.rounds:
            return
        began = time.monotonic_ns()
        os.kill(self._pid, signal.SIGKILL)
        try:
            served = self._serves(10.0)
        except TimeoutError:
            self.wrong = f"did not serve again after {len(self.seconds)} recoveries"
            return
        self.seconds.append((served - began) / 1e9)

    def _serves(self, seconds: float) -> int:
        self._listener.settimeout(seconds)
        try:
            pid, clock = self._listener.recv(100).split()
        except TimeoutError:
            raise TimeoutError(f"{self.name} did not serve within {seconds:g} s") from None
        self._pid = int(pid)
        return int(clock)


def main(quick: bool = False, salus: Sequence[str] | None = None) -> list[Row]:
    """Measure; ``salus`` is the command to run in place of ``salus run --config FILE``."""
    rounds = 10 if quick else 50
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program, loop = _built(folder)
        ours = Supervised("Salus", lambda place, command: _salus(place, command, salus))
        others = [*_references(loop), *_peers(3 if quick else _SLOW_ROUNDS)]
        everybody = [ours, *others]
        with contextlib.ExitStack() as stack:
            for each in everybody:
                try:
                    stack.enter_context(each.running(folder / each.name, program))
                except (OSError, subprocess.SubprocessError) as error:
                    each.wrong = f"could not be run: {error}; {_last_line(folder / each.name / 'output')}"
            for _ in range(rounds):
                time.sleep(_PAUSE)
                for each in everybody:
                    each.kill()
                everybody.append(everybody.pop(0))  # whoever is first finds the machine asleep
    rows = _judged(ours, others, reference="C" if loop else "Python loop")
    print_table("kill -9 to serving again", rows)
    return rows


def _judged(ours: Supervised, others: Sequence[Supervised], reference: str) -> list[Row]:
    value = median(ours.seconds) * 1000 if ours.seconds else None
    note = ours.wrong or f"{len(ours.seconds)} kills, each with check, rule, ledger and verification"
    rows = [Row(name="Salus, median", value=value, unit="ms", note=note)]
    for other in others:
        theirs = median(other.seconds) * 1000 if other.seconds else None
        bare = other.name == reference
        ratio = (value / theirs if bare else theirs / value) if value and theirs else None
        target = "at most 2 x the bare loop" if bare else "Salus is faster"
        holds = None if ratio is None else (ratio <= 2 if bare else ratio > 1)
        what = f"Salus beside {'a bare loop in C' if bare and reference == 'C' else other.name}"
        if ours.wrong and bare:
            holds = False
        row = Row(
            name=what,
            value=value,
            unit="ms",
            reference=theirs,
            ratio=ratio,
            target=target,
            passed=holds,
            note=other.wrong or (f"{len(other.seconds)} kills" if len(other.seconds) < len(ours.seconds) else ""),
        )
        rows.append(row)
    return rows


# ── Whom to measure ───────────────────────────────────────────────────────────────────────────────────────────────────


def _salus(folder: Path, command: list[str], instead: Sequence[str] | None) -> Sequence[str]:
    config = folder / "salus.yaml"
    config.write_text(_SALUS.format(listen=free_port(), folder=folder, command=list(command)))
    config.chmod(0o600)
    return [*(instead or (str(Path(sys.executable).with_name("salus")), "run", "--config")), str(config)]


def _references(loop: Path | None) -> list[Supervised]:
    if loop is None:
        script = "import subprocess, sys\nwhile True:\n    subprocess.run(sys.argv[1:])"
        return [Supervised("Python loop", lambda _, command: [sys.executable, "-c", script, *command])]
    return [Supervised("C", lambda _, command: [str(loop), *command])]


def _peers(slow: int) -> list[Supervised]:
    found = []
    if runsv := find_program("runsv"):
        found.append(Supervised("runit", lambda folder, command: _runit(runsv, folder, command)))
    if supervisord := find_program("supervisord"):
        found.append(Supervised("supervisord", lambda *at: _supervisord(supervisord, *at), rounds=slow))
    if monit := find_program("monit"):
        found.append(Supervised("Monit", lambda *at: _monit(monit, *at), rounds=slow))
    return found


def _runit(runsv: str, folder: Path, command: list[str]) -> Sequence[str]:
    service = folder / "serve"
    service.mkdir()
    _script(service / "run", f"exec {' '.join(command)}")
    return [runsv, str(service)]


def _supervisord(supervisord: str, folder: Path, command: list[str]) -> Sequence[str]:
    config = folder / "supervisord.conf"
    config.write_text(_SUPERVISORD.format(folder=folder, command=" ".join(command)))
    # Without the interpreter's own line Debian's script may be run by another Python that does not have it.
    return [supervisord, "-c", str(config)]


def _monit(monit: str, folder: Path, command: list[str]) -> Sequence[str]:
    start = _script(folder / "start", f"setsid {' '.join(command)} >/dev/null 2>&1 &")
    config = folder / "monitrc"
    # The port is unique, so the pattern finds this copy and no other; the brackets keep it from finding itself.
    pattern = f"serv[e].*{command[-1]}$"
    config.write_text(_MONIT.format(folder=folder, pattern=pattern, start=start))
    config.chmod(0o700)
    return [monit, "-I", "-c", str(config)]


# ── Building and cleaning up ──────────────────────────────────────────────────────────────────────────────────────────


def _built(folder: Path) -> tuple[list[str], Path | None]:
    """Compile the program and the loop; without a compiler both are Python, for everybody."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        script = folder / "serve.py"
        script.write_text(_PYTHON_SERVE)
        return [sys.executable, "-I", "-S", str(script)], None
    for name in ("serve", "loop"):
        source = _SOURCES / f"{name}.c"
        subprocess.run([compiler, "-O2", "-o", str(folder / name), str(source)], check=True, capture_output=True)
    return [str(folder / "serve")], folder / "loop"


def _script(path: Path, body: str) -> Path:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_line(path: Path) -> str:
    try:
        return (path.read_text(errors="replace").strip().splitlines() or [""])[-1]
    except OSError:
        return ""


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
