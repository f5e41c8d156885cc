"""What surfaces see, and what people may ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from salus.model import (
    AgentInfo,
    Alert,
    Approval,
    ChannelReport,
    CheckReport,
    CheckSpec,
    CheckState,
    Delivery,
    Event,
    Hush,
    Maintenance,
    Matchers,
    Mode,
    Observation,
    Overall,
    Pause,
    PolicyReport,
    RecoveryRecord,
    RuleExplanation,
    RuleReport,
    Selector,
    ServiceStatus,
    Silence,
)
from salus.ports.parts import Heartbeat
from salus.ports.received import ReceivedAlert


class View(Protocol):
    """Read-only truth for surfaces. Everything is in memory; nothing here runs a check."""

    @property
    def version(self) -> int:
        """Return a number that grows with every change that could be seen."""
        ...

    def agent(self) -> AgentInfo:
        """Return who is speaking."""
        ...

    def overall(self, exclude: frozenset[str] = frozenset()) -> Overall:
        """Return all checks in one word, leaving out the named ones."""
        ...

    def checks(self) -> Sequence[CheckReport]:
        """Return all checks, by name."""
        ...

    def names(self) -> Sequence[str]:
        """Return the names of all checks, in order; cheap, however many there are."""
        ...

    def pairs(self) -> Iterator[tuple[CheckSpec, CheckState]]:
        """Go through all checks as they are now, by name; it costs less than their reports."""
        ...

    def check(self, name: str) -> CheckReport | None:
        """Return one check, or None."""
        ...

    def services(self) -> Sequence[ServiceStatus]:
        """Return all services, by name."""
        ...

    def rules(self, check: str = "") -> Sequence[RuleReport]:
        """Return all rules, by name; or those of one check, which costs little however many there are."""
        ...

    def recoveries(self) -> Sequence[RecoveryRecord]:
        """Return the recoveries that run now, each with what it does at this moment."""
        ...

    def policy(self) -> PolicyReport:
        """Return what holds healing now, beyond single rules."""
        ...

    def explain(self, check: str) -> Sequence[RuleExplanation]:
        """Say for every rule of a check why it acts or does not, stage by stage. Raises NotFoundError."""
        ...


class Control(Protocol):
    """What a person may ask for. Every call is audited by the event it writes."""

    async def check_now(self, name: str) -> Observation:
        """Look afresh; at a paused check this moves no verdict, and is kept nowhere. Raises NotFoundError."""
        ...

    async def heal(self, rule: str) -> RecoveryRecord:
        """Run a rule now, whatever its thresholds and budgets; single flight and verification still hold.

        Raises NotFoundError, ConflictError.
        """
        ...

    async def begin(self, rule: str) -> RecoveryRecord:
        """Run a rule now, as ``heal`` does, and return the recovery as it begins.

        Raises NotFoundError, ConflictError.
        """
        ...

    async def cancel(self, recovery: str, *, by: str = "") -> RecoveryRecord:
        """Call a recovery off that runs, by its id, the beginning of it, or the name of its rule; returns how it ended.

        The action that runs is cancelled as at the end of its time. It counts as an attempt, and its cooldown begins.
        Raises NotFoundError (none that is called so runs), ConflictError (several are).
        """
        ...

    async def reset(self, rule: str) -> None:
        """Forget a rule's attempts and its giving up. Raises NotFoundError."""
        ...

    async def pause(self, seconds: float | None, *, reason: str = "", by: str = "") -> Pause:
        """Stop all automatic recovery, for that long or until ``resume``; survives a restart of Salus."""
        ...

    async def resume(self, *, by: str = "") -> None:
        """End the pause, and look at what is bad. Raises ConflictError when nothing is paused."""
        ...

    async def pause_check(self, name: str, seconds: float | None, *, reason: str = "", by: str = "") -> Pause:
        """Set one check aside, for that long or until ``resume_check``; survives a restart of Salus.

        Nobody looks at it, its verdict is unknown, its alerts end, it is not healed, holds no other check back and does
        not count in the whole. A recovery under way goes on to its end. Raises NotFoundError.
        """
        ...

    async def resume_check(self, name: str, *, by: str = "") -> None:
        """Take a check back and look at it. Raises NotFoundError, ConflictError when it is not paused."""
        ...

    async def start_maintenance(
        self, members: Selector, seconds: float, *, name: str = "", reason: str = "", by: str = ""
    ) -> Maintenance:
        """Open a window in which nothing of ``members`` is healed; survives a restart of Salus.

        Raises NotFoundError (a check, tag or service that is not there), ConflictError (the name is taken).
        """
        ...

    async def end_maintenance(self, name: str, *, by: str = "") -> None:
        """Close a window before its time, also one of the config. Raises NotFoundError."""
        ...

    async def enable_rule(self, rule: str, *, enabled: bool, by: str = "") -> None:
        """Switch a rule on or off; survives a restart of Salus. Raises NotFoundError."""
        ...

    async def set_mode(self, rule: str, mode: Mode | None, *, by: str = "") -> RuleReport:
        """Say how far a rule may go, in the place of what the config says; None gives it back to the config.

        Survives a restart of Salus. The most careful of this and of the mode of the whole holds. Raises NotFoundError.
        """
        ...

    async def answer(self, approval: str, *, approve: bool, by: str = "", note: str = "") -> Approval:
        """Answer a rule that asks for approval, by the id of its question or by the rule's name.

        Raises NotFoundError, ConflictError (answered already, or lapsed).
        """
        ...

    async def start_service(self, name: str) -> ServiceStatus:
        """Start a service. Raises NotFoundError, ServiceError."""
        ...

    async def stop_service(self, name: str) -> ServiceStatus:
        """Stop a service; Salus will not start it again until asked. Raises NotFoundError, ServiceError."""
        ...

    async def restart_service(self, name: str) -> ServiceStatus:
        """Restart a service. Raises NotFoundError, ServiceError."""
        ...

    async def reload(self) -> str:
        """Read the config again; says what changed. Raises ConfigError and keeps the last good config."""
        ...

    def beat(self, heartbeat: Heartbeat) -> bool:
        """Take a job's report; false when no check listens to that slug."""
        ...

    def receive(self, alerts: Sequence[ReceivedAlert], source: str) -> bool:
        """Take alerts of others, all of them or none; false when there is no room for them."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """One channel that an alert goes to.

    Attributes:
        channel: name.
        route: which route sends it there: 1 for the first of the config.
        why: the route's matchers in words, or how it came by escalation.
        after: seconds since it fired from which it is told; 0 at once.
        hush: why it is not told now, or None.
    """

    channel: str
    route: int
    why: str
    after: float = 0.0
    hush: Hush | None = None


class AlertDesk(Protocol):
    """What people may see of alerts, and ask of them. Every change is audited by the event it writes."""

    def active(self) -> Sequence[Alert]:
        """Return the alerts that have not ended, the most urgent first."""
        ...

    def audiences(self, alert: Alert) -> Sequence[Audience]:
        """Say who hears of an alert, and why not now."""
        ...

    def routed(self, labels: Mapping[str, str]) -> Sequence[Audience]:
        """Say who would hear of an alert with these labels, firing now."""
        ...

    async def acknowledge(self, alert: str, *, by: str = "", note: str = "") -> Alert:
        """Take an alert upon oneself.

        It is meant by its id, its fingerprint, the beginning of one, or the name of its check or rule.
        Raises NotFoundError, ConflictError (several are called so, or it does not fire).
        """
        ...

    async def resolve(self, alert: str, *, by: str = "", note: str = "") -> Alert:
        """End an alert by hand; what still lasts is not told again before it ended. Raises as ``acknowledge``."""
        ...

    def silences(self) -> Sequence[Silence]:
        """Return the silences that have not ended, the first to end first."""
        ...

    async def silence(self, match: Matchers, seconds: float, *, by: str = "", comment: str = "") -> Silence:
        """Keep the alerts that match from being told for that long. Raises ConflictError where nothing is meant."""
        ...

    async def expire_silence(self, silence: str, *, by: str = "") -> Silence:
        """End a silence, by its id or the beginning of it. Raises NotFoundError."""
        ...

    def channels(self) -> Sequence[ChannelReport]:
        """Say how the channels are doing, by name."""
        ...

    async def test_channel(self, channel: str, *, by: str = "") -> str:
        """Send a test notification past the outbox; says what the other side said.

        Raises NotFoundError, DeliveryError.
        """
        ...

    async def dead_letters(self, limit: int = 100) -> Sequence[Delivery]:
        """Return notifications that were given up, newest first."""
        ...

    async def revive(self, delivery: str, *, by: str = "") -> None:
        """Try a dead letter again. Raises NotFoundError."""
        ...


Subscriber: TypeAlias = Callable[[Event], None]
