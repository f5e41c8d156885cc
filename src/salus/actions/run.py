"""Run a command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar, Literal

import msgspec

from salus import processes
from salus.actions._facts import facts, one_line, variables
from salus.actions._threads import in_thread
from salus.bounds import bounded
from salus.errors import ActionError
from salus.evidence import masked
from salus.model import Effect, Json
from salus.options import ActionOptions
from salus.ports import ActionResult, Scene
from salus.units import Size, format_duration

_LAST_LINES = 10
_LAST_WORDS = 2000
_STDIN = 65536


class Run(ActionOptions, frozen=True, kw_only=True):
    """Run a command, given as a list of arguments; no shell is involved.

    The failing check is in its environment: ``SALUS_CHECK``, ``SALUS_STATUS``, ``SALUS_MESSAGE``, ``SALUS_RULE``,
    ``SALUS_RECOVERY``, ``SALUS_ATTEMPT``, ``SALUS_SERVICE``, ``SALUS_PID`` and ``SALUS_METRIC_<NAME>``.
    When time is up, the command and everything it has started is killed.

    Attributes:
        command: program and arguments; a program without a slash is looked up in PATH.
        environment: further variables. Nothing but these, the above and PATH, HOME, LANG and the like is passed on.
        directory: working directory.
        user: run as this user (needs root).
        stdin: ``json`` gives it all that is known about the failing check; ``none`` gives it nothing.
        ok_codes: exit codes that mean success.
        max_output: how much of its output is kept, of the beginning and of the end.
        effect: ``records`` (never counts as success), ``changes``, or ``replaces`` (the target is a new copy).
    """

    scalar: ClassVar[str] = "command"

    command: tuple[str, ...]
    environment: dict[str, str] = msgspec.field(default_factory=dict)
    directory: Path | None = None
    user: str | None = None
    stdin: Literal["none", "json"] = "none"
    ok_codes: tuple[int, ...] = (0,)
    max_output: Size = Size(65536)
    effect: Effect = Effect.CHANGES

    def __rich_repr__(self) -> Any:
        """Show what it runs, and not its environment, which may hold secrets."""
        yield "command", masked([*self.command])

    def __repr__(self) -> str:
        """Show what it runs, and not its environment, which may hold secrets."""
        return f"{type(self).__name__}(command={masked([*self.command])!r})"

    def problems(self) -> list[tuple[str, str]]:
        """Find a command that cannot be run."""
        found = processes.problems(self.command, self.environment)
        if any(not 0 <= code <= 255 for code in self.ok_codes) or not self.ok_codes:
            found.append(("ok_codes", "exit codes are numbers from 0 to 255, and at least one must mean success"))
        if self.effect is Effect.WAITS:
            found.append(("effect", "a command records, changes or replaces; use the action wait to wait"))
        return found

    async def run(self, scene: Scene) -> ActionResult:
        """Run it to its end."""
        extra = {**variables(scene), **self.environment}
        environment = processes.environment(scene.site.state_id, "action", scene.check.name, extra)
        command = processes.Command(
            argv=self.command,
            environment=environment,
            directory=self.directory,
            user=self.user,
            stdin=json.dumps(bounded(facts(scene), _STDIN)).encode() if self.stdin == "json" else b"",
        )
        if complaint := await in_thread(lambda _: processes.complaint(command)):
            raise ActionError(complaint[0], remedy=complaint[1])
        try:
            done = await processes.run(command, max_output=self.max_output)
        except OSError as error:
            remedy = "look at its permissions, and at the first line of a script (#!)"
            raise ActionError(f"{self.command[0]} cannot be run: {error.strerror or error}", remedy=remedy) from error
        return self._result(done)

    def _result(self, done: processes.Completed) -> ActionResult:
        stdout, stderr = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        end = f"was killed by signal {done.signal}" if done.code is None else f"exited with {done.code}"
        message = f"{Path(self.command[0]).name} {end} after {format_duration(done.duration)}"
        if done.code not in self.ok_codes:
            raise ActionError(f"{message}{_last_words(stderr or stdout)}")
        evidence: dict[str, Json] = {
            "command": [*masked([*self.command])],
            "exit_code": done.code,
            "duration_seconds": round(done.duration, 6),
            "stdout": stdout,
            "stderr": stderr,
            "truncated": done.truncated,
        }
        last = next((line for line in reversed(stdout.splitlines()) if line.strip()), "")
        return ActionResult(message=f"{message}: {one_line(last)}" if last else message, evidence=evidence)


def _last_words(text: str) -> str:
    """Return the last lines, bounded; an error's message is read by people."""
    lines = [one_line(line) for line in text.splitlines() if line.strip()]
    if not lines:
        return ", without a word"
    words = "\n".join(lines[-_LAST_LINES:])
    left_out = f" (of {len(lines)} lines, the last {_LAST_LINES})" if len(lines) > _LAST_LINES else ""
    if len(words) > _LAST_WORDS:
        words = f"{words[: _LAST_WORDS // 2]}\n…\n{words[-_LAST_WORDS // 2 :]}"
    return f"{left_out}: {words}"
