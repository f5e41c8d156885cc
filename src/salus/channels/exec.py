"""Tell a program of yours."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from salus import processes
from salus.channels import _words as words
from salus.channels._document import encoded
from salus.channels._redact import Redactor
from salus.channels._threads import in_thread
from salus.errors import DeliveryError, SalusError
from salus.evidence import masked
from salus.options import ChannelOptions
from salus.ports import Channel, Letter, Outlet
from salus.secret import Secret
from salus.units import format_duration

# sysexits.h: it was called wrongly, or what it was given is wrong. Neither gets better.
_FINAL = {64: "says that it was called wrongly", 65: "says that what it was given is wrong"}
_TEXT = 8192
_KEPT = 8192


class Exec(ChannelOptions, frozen=True, kw_only=True):
    """Run a program for each notification, given as a list of arguments; no shell is involved.

    It is given the notification document (JSON) on standard input, and in its environment ``SALUS_NOTIFICATION`` (the
    id), ``SALUS_KEY``, ``SALUS_CHANNEL``, ``SALUS_OCCASION``, ``SALUS_STATE``, ``SALUS_LEVEL``, ``SALUS_TITLE``,
    ``SALUS_TEXT``, ``SALUS_ALERTS`` (how many), ``SALUS_LINK``, and, where it is about one alert, ``SALUS_CHECK``,
    ``SALUS_RULE`` and ``SALUS_ALERT``.

    Exit code 0 means that people were told. 64 and 65 (``EX_USAGE``, ``EX_DATAERR``) mean that it will never take this
    one. After any other, 75 (``EX_TEMPFAIL``) among them, after a signal, and where the program is missing, it is tried
    again: few scripts say what went wrong, and nothing shall be lost. When the time-out of the channel is up, the
    program and everything it has started is killed.

    Attributes:
        command: program and arguments; a program without a slash is looked up in PATH.
        environment: further variables, whose values are secrets. Nothing but these, the above and PATH, HOME, LANG and
            the like is passed on.
        directory: working directory.
        user: run as this user (needs root).
    """

    scalar: ClassVar[str] = "command"

    command: tuple[str, ...]
    environment: dict[str, Secret] = msgspec.field(default_factory=dict)
    directory: Path | None = None
    user: str | None = None

    def __rich_repr__(self) -> Any:
        """Show what it runs, and not its environment."""
        yield "command", masked([*self.command])

    def __repr__(self) -> str:
        """Show what it runs, and not its environment."""
        return f"{type(self).__name__}(command={masked([*self.command])!r})"

    def problems(self) -> list[tuple[str, str]]:
        """Find a command that cannot be run."""
        return processes.problems(self.command, _revealed(self.environment))

    def build(self, outlet: Outlet) -> Channel:
        """Make the channel that stands at ``outlet``."""
        return ExecChannel(self, outlet)


@dataclass(frozen=True, slots=True)
class ExecChannel:
    """A program that tells people."""

    options: Exec
    outlet: Outlet = field(repr=False)
    resend: float | None = None

    async def send(self, letter: Letter) -> str:
        """Run it to its end, and return the last line it wrote."""
        options, told = self.options, letter.notification
        extra = {**variables(letter), **_revealed(options.environment)}
        name = f"notify-{words.clean(told.channel, 100)}"
        command = processes.Command(
            argv=options.command,
            environment=processes.environment(self.outlet.state_id, "action", name, extra),
            directory=options.directory,
            user=options.user,
            stdin=encoded(letter),
        )
        try:
            async with asyncio.timeout(letter.timeout):
                return self._result(await self._completed(command))
        except TimeoutError:
            what = f"{self._name} did not end within {format_duration(letter.timeout)} and was killed"
            raise DeliveryError(what, remedy="raise the channel's timeout, or see what it waits for") from None

    async def aclose(self) -> None:
        """Nothing is kept: a program lives no longer than its letter."""

    @property
    def _name(self) -> str:
        return Path(self.options.command[0]).name

    async def _completed(self, command: processes.Command) -> processes.Completed:
        if complaint := await in_thread(lambda: processes.complaint(command)):
            raise DeliveryError(complaint[0], remedy=complaint[1])
        try:
            return await processes.run(command, max_output=_KEPT)
        except OSError as error:
            remedy = "look at its permissions, and at the first line of a script (#!)"
            raise DeliveryError(f"{self._name} cannot be run: {error.strerror or error}", remedy=remedy) from error
        except SalusError as error:  # the user it should run as
            raise DeliveryError(f"{self._name} cannot be run: {error}", remedy=error.remedy) from error

    def _result(self, done: processes.Completed) -> str:
        redactor = Redactor(_revealed(self.options.environment).values())
        said = _last_line(done.stderr if done.code != 0 and done.stderr.strip() else done.stdout)
        said = redactor.line(said)
        if done.code == 0:
            return said
        end = f"was killed by signal {done.signal}" if done.code is None else f"exited with {done.code}"
        meaning = _FINAL.get(done.code) if done.code is not None else None
        what = f"{self._name} {end}{f' and {meaning}' if meaning else ''}{f': {said}' if said else ', without a word'}"
        raise DeliveryError(what, permanent=meaning is not None)


def variables(letter: Letter) -> dict[str, str]:
    """Return what a program finds in its environment, each safe and bounded."""
    told = letter.notification
    found = {
        "SALUS_NOTIFICATION": words.clean(told.id, 200),
        "SALUS_KEY": words.clean(told.key, 200),
        "SALUS_CHANNEL": words.clean(told.channel, 200),
        "SALUS_OCCASION": told.occasion.value,
        "SALUS_STATE": told.state.value,
        "SALUS_LEVEL": words.worst(told).value,
        "SALUS_TITLE": words.title(letter),
        "SALUS_TEXT": "\n".join(words.lines(letter))[:_TEXT],
        "SALUS_ALERTS": str(len(told.alerts) + told.more),
        "SALUS_LINK": words.clean(words.overview(told), 2000),
    }
    if len(told.alerts) == 1 and not told.more:
        alert = told.alerts[0]
        found["SALUS_ALERT"] = words.clean(alert.id, 200)
        found["SALUS_RULE"] = words.clean(alert.rule, 200)
        found["SALUS_CHECK"] = words.clean(alert.check or "", 200)
        found["SALUS_LINK"] = words.clean(words.page(told, alert), 2000)
    return found


def _revealed(secrets: Mapping[str, Secret]) -> dict[str, str]:
    return {name: value.reveal() for name, value in secrets.items()}


def _last_line(output: bytes) -> str:
    lines = [line for line in output.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else ""
