"""The ``command`` check: any program; its exit code is the verdict."""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import field

from salus.checks import _nagios
from salus.checks._bounds import BoundedOptions, Findings, bounded_line
from salus.errors import CheckBrokenError
from salus.model import Metric, Observation, Status
from salus.ports import Look
from salus.processes import Command as Program
from salus.processes import Completed, environment, run
from salus.units import Duration, format_duration

_NAGIOS = {0: Status.HEALTHY, 1: Status.DEGRADED, 2: Status.UNHEALTHY, 3: Status.UNKNOWN}
# What shells and env(1) say when the program could not be run at all.
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
            raise CheckBrokenError(f"cannot run {self.run[0]}: {error.strerror or error}") from error
        return self.judge(look, completed)

    def judge(self, look: Look, completed: Completed) -> Observation:
        """Read the verdict from the exit code and the output."""
        output = completed.stdout.decode(errors="replace")
        text, perfdata = _nagios.split(output) if self.nagios else (output, "")
        said = bounded_line(text) or bounded_line(completed.stderr.decode(errors="replace"))
        if completed.code is None:
            raise CheckBrokenError(f"{self.run[0]} was ended by signal {completed.signal}" + _added(said))
        if reason := _CANNOT_RUN.get(completed.code):
            raise CheckBrokenError(f"{self.run[0]} ended with {completed.code} ({reason})" + _added(said))
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
            return look.unknown(said or f"ended with {completed.code}", metrics=metrics)
        return findings.answer(look, said or took, metrics=metrics)

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


def _added(said: str) -> str:
    return f": {said}" if said else ""


def _either(codes: tuple[int, ...]) -> str:
    return " or ".join(str(code) for code in codes)
