"""The ``process`` service: a child that Salus runs itself."""

from __future__ import annotations

import hashlib
import pwd
import signal
from collections.abc import Mapping
from pathlib import Path

import msgspec

from salus.options import ServiceOptions
from salus.ports import Service, Site
from salus.processes import LIMITS, MARK, Command, environment
from salus.services._log import LogOptions
from salus.services._process import Launch, ProcessService
from salus.services._ready import ReadyOptions
from salus.services._signals import number_of
from salus.units import Duration, Size


class ProcessOptions(ServiceOptions, frozen=True, kw_only=True):
    """A program that Salus runs itself, in the foreground, as a child in a session of its own.

    Its exit is seen at once. It is not restarted by itself: that is what rules are for. When Salus is killed the
    program runs on, and the next Salus takes it over. When its main process has ended, the rest of its process group is
    killed; before another copy starts, so is everything that stems from the earlier one.

    Attributes:
        command: the program and its arguments. No shell: what needs one says ``[sh, -c, "..."]``.
        directory: its working directory.
        environment: its environment, on top of PATH, HOME, LANG, TZ and the like.
        user: user to run as, by name or number; needs Salus to run as root.
        group: group to run as; the user's own if it is left out.
        umask: file mode creation mask in octal, as text: ``"027"``.
        limits: resource limits such as ``{nofile: 4096, as: 2GiB, core: 0}``.
        start_timeout: it must be ready within this time, or the start has failed and it is killed.
        stop_signal: what asks it to stop, such as ``TERM``, ``INT`` or ``QUIT``.
        stop_timeout: it must have ended within this time, or its whole process tree is killed.
        ready: how readiness is seen; without it a program that could be started is ready.
        log: how much of its output is kept.
        autostart: start it with Salus.
    """

    command: tuple[str, ...]
    directory: Path | None = None
    environment: Mapping[str, str] = msgspec.field(default_factory=dict)
    user: str | None = None
    group: str | None = None
    umask: str | None = None
    limits: Mapping[str, Size] = msgspec.field(default_factory=dict)
    start_timeout: Duration = Duration(10)
    stop_signal: str = "TERM"
    stop_timeout: Duration = Duration(5)
    ready: ReadyOptions | None = None
    log: LogOptions = LogOptions()
    autostart: bool = True

    def problems(self) -> list[tuple[str, str]]:
        """Say what the types alone cannot."""
        found: list[tuple[str, str]] = []
        if not self.command or not self.command[0]:
            found.append(("command", "must name a program"))
        if any("\0" in text for text in (*self.command, *self.environment, *self.environment.values())):
            found.append(("command", "neither an argument nor a variable can hold a zero byte"))
        if any(not name or "=" in name for name in self.environment):
            found.append(("environment", "the name of a variable is neither empty nor holds a ="))
        if number_of(self.stop_signal) is None:
            found.append(
                ("stop_signal", f"there is no signal {self.stop_signal!r}: write TERM, INT, QUIT, HUP or USR1")
            )
        if self.umask is not None and not _octal(self.umask):
            found.append(("umask", f'{self.umask!r} is not an octal mask: write it like "027"'))
        unknown = sorted(set(self.limits) - set(LIMITS))
        found += [("limits", f"there is no limit {name!r}; known are {', '.join(LIMITS)}") for name in unknown]
        return found

    def build(self, name: str, site: Site) -> Service:
        """Make the service."""
        environ = environment(site.state_id, "service", name, {**_account(self.user), **self.environment})
        launch = Launch(
            command=Command(
                argv=self.command,
                environment=environ,
                directory=self.directory,
                user=self.user,
                group=self.group,
                umask=None if self.umask is None else int(self.umask, 8),
                limits=self.limits or None,
            ),
            mark=environ[MARK],
            fingerprint=self._fingerprint(site.state_id),
            start_timeout=self.start_timeout,
            stop_signal=number_of(self.stop_signal) or signal.SIGTERM,
            stop_timeout=self.stop_timeout,
            ready=self.ready,
            log=self.log,
            autostart=self.autostart,
        )
        return ProcessService(name, launch, site)

    def _fingerprint(self, state_id: str) -> str:
        # Keyed, because it goes into the ledger and the environment may hold what should not be guessed.
        facts = (
            self.command,
            str(self.directory or ""),
            sorted(self.environment.items()),
            self.user,
            self.group,
            self.umask,
            sorted(self.limits.items()),
        )
        return hashlib.blake2b(repr(facts).encode(), digest_size=8, key=state_id.encode()[:64]).hexdigest()


def _account(user: str | None) -> dict[str, str]:
    """Return the variables that name a user, if it is another than that of Salus."""
    if user is None:
        return {}
    try:
        entry = pwd.getpwuid(int(user)) if user.isdigit() else pwd.getpwnam(user)
    except KeyError:
        return {}  # the start will say so, if it matters
    return {"HOME": entry.pw_dir, "USER": entry.pw_name, "LOGNAME": entry.pw_name}


def _octal(text: str) -> bool:
    return text.removeprefix("0o").isdigit() and set(text.removeprefix("0o")) <= set("01234567") and len(text) <= 6
