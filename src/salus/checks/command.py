"""The ``command`` check: any program; its exit code is the verdict."""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import field

from salus.checks import _nagios
from salus.checks._bounds import BoundedOptions, Findings, bounded_line
from salus.errors import CheckBrokenError, SalusError
from salus.model import Cause, Metric, Observation, Status, cause_of
from salus.ports import Look
from salus.processes import Command as Program
from salus.processes import Completed, environment, run
from salus.units import Duration, format_duration

_NAGIOS = {0: Status.HEALTHY, 1: Status.DEGRADED, 2: Status.UNHEALTHY, 3: Status.UNKNOWN}
# What shells and env(1) say when the program could not be run at all.
# Programs that run another one, or a script: alone they say nothing about what is run.
_SHELLS = dict.fromkeys(("sh", "bash", "dash", "zsh", "ksh"), ("-c", "-ec", "-lc", "-euc"))
_INLINE: dict[str, tuple[str, ...]] = {**_SHELLS, "python": ("-c",), "perl": ("-e",), "ruby": ("-e",), "node": ("-e",)}
_LAUNCHERS = frozenset({*_INLINE, "env", "nice", "ionice", "sudo", "timeout", "setsid", "stdbuf", "busybox", "php"})
_LAUNCHER = re.compile(r"[\d.]+$")  # python3.11 is a python
_ARGUMENT = re.compile(r"[A-Z_]+=.*|[\d.]+[smh]?")  # a variable for env, a time for timeout
_CANNOT_RUN = {126: "found and not executable", 127: "not found"}


class Command(BoundedOptions, frozen=True, kw_only=True):
    """A program and its arguments, run without a shell. Exit code 0 is healthy, any other unhealthy.

    A program that cannot be run (not found, not permitted, exit codes 126 and 127) or that a signal ended could not
    tell: that is ``unknown``, because a broken check is not a broken service. With the look, its whole process tree
    ends. The message is the first line it wrote.

    Attributes:
        run: the program and its arguments, as a list.
        nagios: it speaks as Nagios plugins do: 0 healthy, 1 degraded, 2 unhealthy, anything else unknown; numbers
            after ``|`` become metrics.
        healthy_codes: exit codes that mean healthy.
        warn_codes: exit codes that mean degraded.
        unknown_codes: exit codes that mean that it could not tell.
        environment: variables added to a clean environment.
        directory: where it runs.
        user: the user it runs as (Salus must be root).
        stdin: text it is given to read.
        output_contains: text that its output must contain.
        output_not_contains: text that its output must not contain.
        output_matches: regular expression that must be found in its output (``^`` and ``$`` match at lines).
        duration_below: unhealthy unless it takes less than this.
        warn_duration_below: degraded unless it takes less than this.
    """

    scalar = "run"

    run: tuple[str, ...]
    nagios: bool = False
    healthy_codes: tuple[int, ...] = (0,)
    warn_codes: tuple[int, ...] = ()
    unknown_codes: tuple[int, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    directory: Path | None = None
    user: str | None = None
    stdin: str = ""
    output_contains: str | None = None
    output_not_contains: str | None = None
    output_matches: str | None = None
    duration_below: Duration | None = None
    warn_duration_below: Duration | None = None

    def problems(self) -> list[tuple[str, str]]:
        """See that there is a program, that its codes mean one thing each, and that the pattern is one."""
        found = super().problems()
        if not self.run or not self.run[0]:
            found.append(("run", "give the program and its arguments as a list"))
        codes = [*self.healthy_codes, *self.warn_codes, *self.unknown_codes]
        if len(set(codes)) < len(codes):
            found.append(("warn_codes", "the same exit code cannot mean two things"))
        if self.nagios and (self.warn_codes or self.unknown_codes or self.healthy_codes != (0,)):
            found.append(("nagios", "the codes of a Nagios plugin are fixed: leave out the lists of codes"))
        try:
            re.compile(self.output_matches or "")
        except re.error as error:
            found.append(("output_matches", f"is not a regular expression: {error}"))
        return found

    @property
    def shares(self) -> str | None:
        """Name the program, and its script where it only runs one."""
        return _program(self.run)

    async def look(self, look: Look) -> Observation:
        """Run it to its end, which comes at the deadline at the latest."""
        program = Program(
            argv=self.run,
            environment=environment(look.site.state_id, "check", look.spec.name, self.environment),
            directory=self.directory,
            user=self.user,
            stdin=self.stdin.encode(),
        )
        try:
            completed = await run(program)
        except OSError as error:
            what = f"cannot run {self.run[0]}: {error.strerror or error}"
            raise CheckBrokenError(what, cause=cause_of(error.errno)) from error
        except SalusError as error:  # the user it should run as
            raise CheckBrokenError(str(error), remedy=error.remedy, cause=Cause.NOT_KNOWN) from error
        return self.judge(look, completed)

    def judge(self, look: Look, completed: Completed) -> Observation:
        """Read the verdict from the exit code and the output."""
        output = completed.stdout.decode(errors="replace")
        text, perfdata = _nagios.split(output) if self.nagios else (output, "")
        said = bounded_line(text) or bounded_line(completed.stderr.decode(errors="replace"))
        if completed.code is None:
            what = f"{self.run[0]} was ended by signal {completed.signal}" + _added(said)
            raise CheckBrokenError(what, cause=f"signal_{completed.signal}")
        if reason := _CANNOT_RUN.get(completed.code):
            what = f"{self.run[0]} ended with {completed.code} ({reason})" + _added(said)
            raise CheckBrokenError(what, cause=f"exit_{completed.code}")
        findings = Findings()
        self._judge_output(findings, output)
        took = f"took {format_duration(completed.duration)}"
        findings.judge(self, "duration", completed.duration, took, show=format_duration)
        verdict = self._verdict(completed.code)
        if verdict is Status.UNHEALTHY:
            findings.unhealthy(said or f"ended with {completed.code}, expected {_either(self.healthy_codes)}")
        elif verdict is Status.DEGRADED:
            findings.degraded(said or f"ended with {completed.code}")
        metrics = {
            **_nagios.metrics(perfdata),
            "duration_seconds": Metric(completed.duration, "seconds"),
            "exit_code": Metric(completed.code),
        }
        if verdict is Status.UNKNOWN:
            said = said or f"ended with {completed.code}"
            return look.observe(verdict, said, metrics=metrics, cause=f"exit_{completed.code}")
        cause = f"exit_{completed.code}" if verdict.bad else ""
        return findings.answer(look, said or took, metrics=metrics, cause=cause)

    def _verdict(self, code: int) -> Status:
        if self.nagios:
            return _NAGIOS.get(code, Status.UNKNOWN)
        if code in self.healthy_codes:
            return Status.HEALTHY
        if code in self.warn_codes:
            return Status.DEGRADED
        return Status.UNKNOWN if code in self.unknown_codes else Status.UNHEALTHY

    def _judge_output(self, findings: Findings, output: str) -> None:
        if self.output_contains and self.output_contains not in output:
            findings.unhealthy(f"{self.output_contains!r} is not in the output, expected it to be")
        if self.output_not_contains and self.output_not_contains in output:
            findings.unhealthy(f"{self.output_not_contains!r} is in the output, expected it not to be")
        if self.output_matches and not re.search(self.output_matches, output, re.MULTILINE):
            findings.unhealthy(f"nothing in the output matches {self.output_matches!r}")


def _program(run: tuple[str, ...]) -> str | None:
    """Name what a command line runs: ``python3 /opt/check.py``, without what it is asked. None for a bare shell."""
    said: list[str] = []
    for word in run:
        if word.startswith("-"):
            if said and word in _INLINE.get(_LAUNCHER.sub("", Path(said[-1]).name), ()):
                return None  # the script stands in the config: it is this check's own
            continue
        if not _ARGUMENT.fullmatch(word):
            said.append(word)
            if _LAUNCHER.sub("", Path(word).name) not in _LAUNCHERS:
                break
    return " ".join(said) or None


def _added(said: str) -> str:
    return f": {said}" if said else ""


def _either(codes: tuple[int, ...]) -> str:
    return " or ".join(str(code) for code in codes)
