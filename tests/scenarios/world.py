"""Everything that is real in a scenario: Salus, its services, and the processes around them."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from salus.clock import SystemClock
from salus.errors import StoreError
from salus.model import Event, EventKind, RecoveryRecord
from salus.ports import EventQuery, RecoveryQuery
from salus.store.sqlite import read_events, read_recoveries
from tests.acceptance.salus_process import SalusProcess, eventually, free_port
from tests.scenarios.scenario import Program, Scenario
from tests.stage import alive

PROGRAMS = Path(__file__).parent / "programs"
CLOCK = "clock-offset"
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_MOST_ROWS = 100_000


class World:
    """One scenario on the stage. ``close`` ends every process, whatever happened."""

    def __init__(self, folder: Path, scenario: Scenario) -> None:
        self.folder = folder
        self.scenario = scenario
        self.variables = _variables(folder, scenario)
        environment = {**os.environ, **self.variables}
        command = [sys.executable, "-m", "salus.cli.main"]
        if any(isinstance(step, dict) and "shift clock" in step for step in scenario.steps):
            command = [sys.executable, str(PROGRAMS / "salus_with_shifted_clock.py"), str(folder / CLOCK)]
        text = yaml.safe_dump(scenario.config, sort_keys=False, width=1000)
        self.salus = SalusProcess(folder, text, command=command, environment=environment)
        self.programs: dict[str, subprocess.Popen[bytes]] = {}
        self.marked = 0
        self._seen: list[Event] = []

    # ── what is there ─────────────────────────────────────────────────────────────────────────────────────────────────

    def begin(self) -> None:
        """Put files and programs in their places, and start Salus."""
        for name, text in self.scenario.files.items():
            self.write(name, text)
        for name, program in self.scenario.programs.items():
            if program.start:
                self.start_program(name)
        self.salus.start()
        self.salus.ready()

    def write(self, name: str, text: str) -> None:
        """Put a file into its place in one move; a script can be run."""
        fresh = self.folder / f"{name}.new"
        fresh.write_text(self.filled(text), encoding="utf-8")
        fresh.chmod(0o755 if text.startswith("#!") else 0o644)
        fresh.replace(self.folder / name)

    def start_program(self, name: str) -> None:
        """Start a process beside Salus, in a group of its own."""
        program = self.scenario.programs[name]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.programs[name] = subprocess.Popen(
                [self.filled(word) for word in program.run],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        _be_nice(self.programs[name].pid, program)

    def end_program(self, name: str) -> None:
        """End a process beside Salus and all that it started; kill what does not end when asked."""
        program = self.programs.pop(name)
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(program.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(timeout=5)
                return

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a program, or to the main process of a service, also while Salus cannot say which it is."""
        os.kill(eventually(lambda: self._pid(name), what=f"a living {name}"), number)

    def _pid(self, name: str) -> int | None:
        if program := self.programs.get(name):
            return program.pid
        book = self._book(name)
        pid = int(book[-1].split()[0]) if book else self.salus.service(name)["pid"] or 0
        return pid if pid and alive(pid) else None

    def command(self, words: str) -> subprocess.CompletedProcess[str]:
        """Call the command line as a person would."""
        return subprocess.run(
            [sys.executable, "-m", "salus.cli.main", *shlex.split(words)],
            cwd=self.folder,
            env={**os.environ, **self.variables, "SALUS_CONFIG": str(self.salus.config), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def filled(self, text: str) -> str:
        """Put the values of ``${NAME}`` into a text."""
        return _VARIABLE.sub(lambda found: self.variables[found[1]], text)

    # ── what has been said and done ───────────────────────────────────────────────────────────────────────────────────

    def events(self) -> list[Event]:
        """Return everything that Salus has told so far, oldest first."""
        newest = self._seen[-1].id if self._seen else None
        with contextlib.suppress(StoreError):  # the ledger is being made
            query = EventQuery(after=newest, limit=_MOST_ROWS)
            self._seen.extend(reversed(read_events(self.salus.state / "ledger.sqlite", query)))
        return self._seen

    def mark(self) -> None:
        """Something is about to be done: what is told from now on may come of it."""
        told = self.events()
        now = SystemClock().now().timestamp() + self.clock_offset
        self.marked = max(told[-1].id if told else 0, int(now * 1_000_000))

    @property
    def clock_offset(self) -> float:
        """Return how far the wall clock of Salus was shifted, in seconds."""
        file = self.folder / CLOCK
        return float(file.read_text(encoding="ascii")) if file.exists() else 0.0

    def since_mark(self) -> list[Event]:
        """Return what was told since something was done."""
        return [event for event in self.events() if event.id > self.marked]

    def recoveries(self) -> list[RecoveryRecord]:
        """Return all recoveries, oldest first."""
        return list(reversed(read_recoveries(self.salus.state / "ledger.sqlite", RecoveryQuery(limit=_MOST_ROWS))))

    def starts(self, name: str) -> int:
        """Return how many copies of a program have begun, by its own book."""
        return len(self._book(name))

    def restarted_at(self, name: str) -> list[float]:
        """Return when copies after the first began, on the monotonic clock."""
        return [float(line.split()[1]) for line in self._book(name)[1:]]

    def lines(self, name: str) -> int:
        """Return how many lines a file has; none where there is no file."""
        file = self.folder / name
        return len(file.read_text(encoding="utf-8").splitlines()) if file.exists() else 0

    def _book(self, name: str) -> list[str]:
        file = self.folder / f"{name}.starts"
        return file.read_text(encoding="ascii").splitlines() if file.exists() else []

    def second_copies(self) -> list[str]:
        """Return programs of which two copies ran at the same time."""
        return [file.stem for file in self.folder.glob("*.second-copy")]

    def story(self) -> str:
        """Return what Salus told, for a person who asks why a scenario failed."""
        return "\n".join(f"  {event.at:%H:%M:%S.%f} {_line(event)}" for event in self.events()[-120:])

    def close(self) -> None:
        """End everything."""
        for name in list(self.programs):
            self.end_program(name)
        if self.salus.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.salus.process.pid, signal.SIGCONT)
        self.salus.close()
        for file in self.folder.glob("*.starts"):
            for pid in (int(line.split()[0]) for line in file.read_text(encoding="ascii").splitlines()):
                _kill_if_still(pid, file.stem)


def _variables(folder: Path, scenario: Scenario) -> Mapping[str, str]:
    """Give every variable that a file uses its value: places, and a free port for every ``${PORT_...}``."""
    places = {"PYTHON": sys.executable, "PROGRAMS": str(PROGRAMS), "FOLDER": str(folder)}
    programs = {name: program.run for name, program in scenario.programs.items()}
    used = set(_VARIABLE.findall(yaml.safe_dump([scenario.config, programs], width=100_000)))
    ports: dict[str, str] = {}
    for name in sorted(used - places.keys()):
        assert name.startswith("PORT_"), f"${{{name}}} is not known here: PYTHON, PROGRAMS, FOLDER or PORT_..."
        while (port := str(free_port())) in ports.values():
            continue
        ports[name] = port
    return places | ports


def _be_nice(pid: int, program: Program) -> None:
    if program.niceness:
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, pid, program.niceness)


def _line(event: Event) -> str:
    about = {"check": event.check, "rule": event.rule, "service": event.service, "reason": event.reason}
    change = f" {event.old} -> {event.new}" if event.kind is EventKind.STATUS_CHANGED else ""
    return f"{event.kind} {' '.join(f'{k}={v}' for k, v in about.items() if v)}{change}: {event.message}"


def _kill_if_still(pid: int, name: str) -> None:
    """End a copy of a server that outlived Salus; another process may have its number by now."""
    with contextlib.suppress(OSError):
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if name.encode() in command and str(PROGRAMS / "server.py").encode() in command:
            os.kill(pid, signal.SIGKILL)
