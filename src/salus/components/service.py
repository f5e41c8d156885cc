"""What can be started and stopped, and should run."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol, runtime_checkable

from salus.components.kind import ComponentKind, Deed, Facts, Reading, Verdict
from salus.components.rules import RESTARTABLE_SERVICE


@runtime_checkable
class RestartableService(Protocol):
    """Something that should always run: a consumer, a scheduler, a loop in a thread.

    Methods may be plain (they run in a thread) or coroutines (they run on the loop of the application).

    Used where they are there:

    - ``restart()``: replaces it in one go; without it, it is stopped (if it runs) and started.
    - ``last_error``: the exception or the text that says why it ended, or None; told when it does not run.
    - ``probe()``: proves that it works, and not only runs. Returns nothing or True when it does; False, or a text
      that says what is wrong, otherwise; raising counts as wrong.
    """

    def is_running(self) -> bool | Awaitable[bool]:
        """Return whether it runs now."""
        ...

    def start(self) -> object:
        """Bring it up, and return when it is up. Called only when it does not run."""
        ...

    def stop(self) -> object:
        """Take it down, and return when it is down. Called only when it runs."""
        ...


def judge(facts: Facts, verdict: Verdict) -> str:
    """Expect it to run."""
    if not facts.flag("is_running"):
        verdict.unhealthy("it does not run, expected it to" + facts.because("last_error"), "not_running")
    return "runs"


KIND = ComponentKind(
    name="restartable_service",
    protocol=RestartableService,
    requires=("is_running", "start", "stop"),
    readings=(Reading("is_running"), Reading("last_error")),
    judge=judge,
    deeds={
        "restart_component": Deed(
            done="restarted {name}", calls=("restart",), instead=("stop", "start"), unless="is_running"
        )
    },
    rule=RESTARTABLE_SERVICE,
    broken="runs and does not work",
    general=True,
)
