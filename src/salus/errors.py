"""Every error Salus raises on purpose.

    SalusError
    ├── ConfigError            the config cannot be used; carries every problem found
    ├── NotFoundError          no check, rule, service or recovery has that name
    ├── ConflictError          the request is right, the moment is wrong (a recovery is running)
    ├── ConditionError         a condition (`when:`) cannot be understood
    ├── MatcherError           matchers (`label="value"`) cannot be understood
    ├── MissingExtraError      a kind needs an optional dependency that is not installed
    ├── CheckBrokenError       a check could not tell; the observation becomes ``unknown``
    ├── ActionError            one step of a recovery failed
    ├── CallRefusedError       a guard around calls did not let one begin
    │   ├── CircuitOpenError       the circuit breaker is open
    │   └── BulkheadFullError      every place of the bulkhead is taken
    ├── ServiceError           a service could not be started, stopped or signalled
    │   ├── StartError
    │   └── StopError
    ├── DeliveryError          a notification did not arrive
    └── StoreError             the ledger
        ├── FolderInUseError       another Salus has its folder
        ├── StoreUnreadableError   it cannot be read: automatic recovery stays off
        └── StoreUnwritableError   it cannot be written: healing goes on, budgets in memory

The docstring of a class is its default message. ``permanent`` is true where trying again would be pointless.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


class SalusError(Exception):
    """Something went wrong in Salus."""

    permanent: bool = False

    def __init__(self, message: str | None = None, *, remedy: str | None = None) -> None:
        """Keep the message and, where there is one, what a person can do about it."""
        super().__init__(message or (type(self).__doc__ or "").splitlines()[0])
        self.remedy = remedy
        if remedy:
            self.add_note(f"Remedy: {remedy}")  # tracebacks show it

    def __reduce__(self) -> tuple[Callable[..., SalusError], tuple[object, ...]]:
        """Let it be sent to another process, whatever its class wants to be made with."""
        return _again, (type(self), self.args, self.__dict__)


def _again(kind: type[SalusError], args: tuple[object, ...], kept: dict[str, object]) -> SalusError:
    """Make an error as it was."""
    error = kind.__new__(kind, *args)
    error.__dict__.update(kept)
    return error


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """One thing that is wrong with a config: where, what, and the remedy.

    Attributes:
        file: the file as the user named it; ``<memory>`` for text that came from elsewhere.
        line: first line is 1; 0 when the place is not known.
        column: first column is 1; 0 when the place is not known.
        path: the key, dotted, such as ``checks.web.http.url``.
        what: what is wrong, one sentence without a full stop.
        remedy: what to do, or an empty string.
    """

    file: str
    line: int
    column: int
    path: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        """Give the one-line form that editors can jump to."""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        key = f"{self.path}: " if self.path else ""
        remedy = f" ({self.remedy})" if self.remedy else ""
        return f"{place}: {key}{self.what}{remedy}"


class ConfigError(SalusError):
    """The config cannot be used."""

    permanent = True

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        """Carry every problem found, in the order of the file."""
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class NotFoundError(SalusError):
    """Nothing has that name."""

    permanent = True


class ConflictError(SalusError):
    """That cannot be done at this moment."""


class ConditionError(SalusError):
    """The condition cannot be understood."""

    permanent = True

    def __init__(self, message: str, *, line: int = 1, column: int = 1, remedy: str | None = None) -> None:
        """Point at a line and a column of the expression; both begin at 1."""
        super().__init__(message, remedy=remedy)
        self.line = line
        self.column = column


class MatcherError(SalusError):
    """The matchers cannot be understood."""

    permanent = True

    def __init__(self, message: str, *, column: int = 1, remedy: str | None = None) -> None:
        """Point at a column of the text; the first is 1."""
        super().__init__(message, remedy=remedy)
        self.column = column


class MissingExtraError(SalusError):
    """An optional dependency is not installed."""

    permanent = True

    def __init__(self, what: str, *, extra: str) -> None:
        """Name what needs the dependency and the extra that brings it."""
        super().__init__(f"{what} needs the extra {extra!r}", remedy=f"pip install 'salus[{extra}]'")
        self.extra = extra


class CheckBrokenError(SalusError):
    """The check could not tell."""

    def __init__(self, message: str | None = None, *, remedy: str | None = None, cause: str = "") -> None:
        """Name the ``cause`` in one word that checks share, such as ``exit_127``, ``dns`` or ``no_descriptors``."""
        super().__init__(message, remedy=remedy)
        self.cause = cause


class ActionError(SalusError):
    """The action failed."""


class CallRefusedError(SalusError):
    """The call was not let through."""

    def __init__(
        self, message: str | None = None, *, name: str, retry_after: float | None = None, remedy: str | None = None
    ) -> None:
        """Name the guard, and say after how many seconds a call may be worth a try (None: that is not known)."""
        super().__init__(message, remedy=remedy)
        self.name = name
        self.retry_after = retry_after


class CircuitOpenError(CallRefusedError):
    """The circuit is open."""


class BulkheadFullError(CallRefusedError):
    """The bulkhead is full."""


class ServiceError(SalusError):
    """The service could not be managed."""


class StartError(ServiceError):
    """The service did not start."""


class StopError(ServiceError):
    """The service did not stop."""


class DeliveryError(SalusError):
    """The notification did not arrive."""

    def __init__(
        self,
        message: str | None = None,
        *,
        remedy: str | None = None,
        permanent: bool = False,
        retry_after: float | None = None,
    ) -> None:
        """Say whether trying again is pointless, or after how many seconds the other side wants to be asked again."""
        super().__init__(message, remedy=remedy)
        self.permanent = permanent
        self.retry_after = retry_after


class StoreError(SalusError):
    """The ledger failed."""


class FolderInUseError(StoreError):
    """The state folder is in use by another Salus."""


class StoreUnreadableError(StoreError):
    """The ledger cannot be read."""

    permanent = True


class StoreUnwritableError(StoreError):
    """The ledger cannot be written."""
