"""What can go wrong in a simulated world, as a scenario spells it: ``crash: {every: 12h}``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Literal, TypeAlias

from msgspec import Meta

from salus.options import Options
from salus.units import Duration, Share

Positive = Annotated[Duration, Meta(gt=0)]
Chance = Annotated[Share, Meta(gt=0)]


class Kind(StrEnum):
    """The kinds of faults."""

    CRASH = "crash"
    HANG = "hang"
    LEAK = "leak"
    FLAP = "flap"
    SLOW_START = "slow_start"
    RESTART_DOES_NOT_HELP = "restart_does_not_help"
    SHARED_DEPENDENCY = "shared_dependency"
    BROKEN_CHECK = "broken_check"


class Spread(Options, frozen=True, kw_only=True):
    """How long something takes: always ``median``, or spread log-normally so that 5% take longer than ``p95``.

    Attributes:
        median: half of them are shorter.
        p95: 95% of them are shorter.
    """

    scalar: ClassVar[str] = "median"

    median: Duration
    p95: Duration | None = None

    def problems(self) -> list[tuple[str, str]]:
        """Find percentiles that are the wrong way round."""
        if self.p95 is not None and (self.p95 < self.median or not self.median):
            return [("p95", "p95 is at least the median, and the median is more than zero")]
        return []


class Fault(Options, frozen=True, kw_only=True):
    """When a fault strikes. A subject that is in trouble already is spared.

    Attributes:
        every: the mean time between two of them; they come independently of each other.
        at: instants since the start at which they come.
        lasts: what nobody heals is over after this.
        probability: how many of those that are due really come.
    """

    scalar: ClassVar[str] = "every"
    kind: ClassVar[Kind]
    curable: ClassVar[bool] = True
    timeless: ClassVar[bool] = False

    every: Positive | None = None
    at: tuple[Duration, ...] = ()
    lasts: Positive | None = None
    probability: Chance = Share(1.0)

    def problems(self) -> list[tuple[str, str]]:
        """See that it is said when."""
        if (self.every is None) == (not self.at) and not (self.timeless and self.every is None):
            return [("", "say when it strikes: either every: 6h, or at: [1h, 2d]")]
        return []


class Curable(Fault, frozen=True, kw_only=True):
    """A fault that some action heals.

    Attributes:
        healed_by: the kinds of actions that heal it, ``run:<program>`` for one command; without it, a new copy of
            the service does, or for a check without a service any action that changes something.
    """

    healed_by: tuple[str, ...] = ()


class Crash(Curable, frozen=True, kw_only=True):
    """The service ends."""

    kind = Kind.CRASH


class Hang(Curable, frozen=True, kw_only=True):
    """The service runs and answers nobody: every look takes its whole time-out."""

    kind = Kind.HANG


class Leak(Curable, frozen=True, kw_only=True):
    """A metric grows until the service fails. Without ``every`` and ``at``, every copy leaks from its start.

    Attributes:
        grows_for: from the beginning until it fails.
        metric: what every look reports.
        unit: of the metric.
        base: its value in health.
        limit: its value when the service fails.
        says: what a look says from then on.
    """

    kind = Kind.LEAK
    timeless = True

    grows_for: Positive = Duration(6 * 3600)
    metric: str = "rss_bytes"
    unit: str = "bytes"
    base: float = 100e6
    limit: float = 1e9
    says: Literal["degraded", "unhealthy"] = "unhealthy"


class Flap(Fault, frozen=True, kw_only=True):
    """It is bad and good in turn, and no action changes that.

    Attributes:
        lasts: from the first bad look to the end.
        period: one bad and one good half.
    """

    kind = Kind.FLAP
    curable = False

    lasts: Positive = Duration(600)
    period: Positive = Duration(20)


class SlowStart(Curable, frozen=True, kw_only=True):
    """The service ends, and the next start is hard.

    Attributes:
        takes: how long that start takes.
        fails: how many starts fail before one succeeds.
    """

    kind = Kind.SLOW_START

    takes: Duration = Duration(20)
    fails: Annotated[int, Meta(ge=0, le=100)] = 1


class RestartDoesNotHelp(Curable, frozen=True, kw_only=True):
    """The service runs and fails, and a new copy fails as well. Only ``healed_by`` heals it, or ``lasts``, or nothing.

    Attributes:
        says: what a look says.
    """

    kind = Kind.RESTART_DOES_NOT_HELP

    says: Literal["degraded", "unhealthy"] = "unhealthy"


class SharedDependency(Fault, frozen=True, kw_only=True):
    """Something outside that several services need is down; it comes back by itself.

    Attributes:
        needed_by: the services, or ``everything``.
        lasts: how long it is down.
    """

    kind = Kind.SHARED_DEPENDENCY
    curable = False

    needed_by: tuple[str, ...] | Literal["everything"]
    lasts: Positive = Duration(600)


class BrokenCheck(Fault, frozen=True, kw_only=True):
    """The check is wrong, and the service is well.

    Attributes:
        says: what its looks say; ``unknown`` where it can tell that it cannot tell.
        cause: what an ``unknown`` names as its cause, such as ``exit_127``.
        lasts: how long.
    """

    kind = Kind.BROKEN_CHECK
    curable = False

    says: Literal["unknown", "degraded", "unhealthy"] = "unknown"
    cause: str = ""
    lasts: Positive = Duration(600)


class OneFault(Options, frozen=True, kw_only=True):
    """One entry of ``faults``: one kind with its options."""

    crash: Crash | None = None
    hang: Hang | None = None
    leak: Leak | None = None
    flap: Flap | None = None
    slow_start: SlowStart | None = None
    restart_does_not_help: RestartDoesNotHelp | None = None
    broken_check: BrokenCheck | None = None

    @property
    def fault(self) -> AnyFault:
        """Return the one that is given."""
        return self._given()[0]

    def problems(self) -> list[tuple[str, str]]:
        """See that exactly one is given."""
        count = len(self._given())
        return [] if count == 1 else [("", f"expected one kind of fault with its options, got {count}")]

    def _given(self) -> list[AnyFault]:
        every: tuple[AnyFault | None, ...] = (
            self.crash,
            self.hang,
            self.leak,
            self.flap,
            self.slow_start,
            self.restart_does_not_help,
            self.broken_check,
        )
        return [one for one in every if one is not None]


AnyFault: TypeAlias = Crash | Hang | Leak | Flap | SlowStart | RestartDoesNotHelp | SharedDependency | BrokenCheck
