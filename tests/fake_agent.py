"""A view and a control that say what a test wants them to say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from salus.errors import ConflictError, NotFoundError
from salus.model import (
    ActionSpec,
    AgentInfo,
    Answer,
    Approval,
    CheckReport,
    CheckSpec,
    CheckState,
    Event,
    Finding,
    Maintenance,
    Metric,
    Mode,
    ModeOverride,
    Observation,
    Outcome,
    Overall,
    Pause,
    PolicyReport,
    RecoveryPhase,
    RecoveryRecord,
    RecoveryRule,
    Refusal,
    RefusalReason,
    RuleExplanation,
    RuleReport,
    RuleState,
    Selector,
    ServiceState,
    ServiceStatus,
    Status,
    StepRecord,
    StepResult,
    UnderWay,
)
from salus.ports import Heartbeat, ReceivedAlert, Subscriber
from salus.state import looked, ring_of

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


class FixedClock:
    """Stands still until it is told otherwise."""

    def __init__(self, now: datetime = NOW) -> None:
        self.at = now

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    boottime = monotonic

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)


def look(status: Status, message: str = "", ago: float = 4, **facts: Any) -> Observation:
    return Observation(status=status, message=message, at=NOW - timedelta(seconds=ago), duration=0.012, **facts)


def check(
    name: str,
    status: Status = Status.HEALTHY,
    message: str = "",
    *,
    healing: bool = False,
    since: float = 3600,
    metrics: Mapping[str, Metric] | None = None,
    **spec: Any,
) -> CheckReport:
    last = None if status is Status.UNKNOWN and not message else look(status, message, metrics=metrics or {})
    state = CheckState(status=status, since=NOW - timedelta(seconds=since) if last else None, last=last)
    ring = looked(looked(ring_of(state), Status.HEALTHY), status) if last else ring_of(state)
    made = CheckSpec(name=name, kind=spec.pop("kind", "http"), **spec)
    return CheckReport(spec=made, state=state, healing=healing, looks=ring)


WEB = check("web", Status.UNHEALTHY, "expected status 200, got 500", critical=True, since=125, service="web")
DISK = check("disk", message="62% free", kind="disk", metrics={"free_ratio": Metric(0.62, "ratio"), "files": Metric(7)})
API = check("api", Status.DEGRADED, "812 ms, expected below 500 ms", liveness=True)
NEW = check("new", Status.UNKNOWN)


@dataclass
class FakeView:
    """The truth, as a list."""

    reports: list[CheckReport] = field(default_factory=lambda: [API, DISK, WEB])
    show_details: str = "when_authorized"
    version: int = 1
    asked: int = 0
    ready: bool | None = None
    service_list: list[ServiceStatus] = field(default_factory=list)
    rule_list: list[RuleReport] = field(default_factory=list)
    running: list[RecoveryRecord] = field(default_factory=list)
    report: PolicyReport = field(default_factory=PolicyReport)
    explained: list[RuleExplanation] = field(default_factory=list)
    info: AgentInfo = field(
        default_factory=lambda: AgentInfo(
            version="0.1.0",
            hostname="host",
            pid=4242,
            started_at=NOW - timedelta(hours=3, minutes=12),
            environment="test",
        )
    )

    def agent(self) -> AgentInfo:
        return replace(self.info, show_details=self.show_details)

    def overall(self, exclude: frozenset[str] = frozenset()) -> Overall:
        self.asked += 1
        counted = [report for report in self.reports if report.spec.name not in exclude]
        bad = [report for report in counted if report.state.status is not Status.HEALTHY]
        worst = Status.HEALTHY
        if bad:
            down = any(one.spec.critical and one.state.status is Status.UNHEALTHY for one in bad)
            worst = Status.UNHEALTHY if down else Status.DEGRADED
        names = tuple(report.spec.name for report in bad)
        return Overall(
            status=worst,
            message=f"{len(bad)} of {len(counted)} checks need attention: {', '.join(names)}" if bad else "all is well",
            ready=worst is not Status.UNHEALTHY if self.ready is None else self.ready,
            live=not any(one.spec.liveness and one.state.status is Status.UNHEALTHY for one in counted),
            started=all(one.state.last for one in counted),
            culprits=names,
        )

    def checks(self) -> Sequence[CheckReport]:
        return self.reports

    def names(self) -> Sequence[str]:
        return [report.spec.name for report in self.reports]

    def pairs(self) -> Iterator[tuple[CheckSpec, CheckState]]:
        return ((report.spec, report.state) for report in self.reports)

    def check(self, name: str) -> CheckReport | None:
        return next((report for report in self.reports if report.spec.name == name), None)

    def services(self) -> Sequence[ServiceStatus]:
        return self.service_list

    def rules(self, check: str = "") -> Sequence[RuleReport]:
        return [one for one in self.rule_list if check in ("", one.rule.check)]

    def recoveries(self) -> Sequence[RecoveryRecord]:
        return self.running

    def policy(self) -> PolicyReport:
        return self.report

    def explain(self, check: str) -> Sequence[RuleExplanation]:
        return self.explained


WEB_SERVICE = ServiceStatus(
    name="web",
    kind="process",
    state=ServiceState.RUNNING,
    since=NOW - timedelta(seconds=120),
    pid=777,
    starts=2,
    incarnation="x",
)

RECOVERY = RecoveryRecord(
    id="01A",
    rule="web",
    check="web",
    targets=("service:web",),
    attempt=2,
    trigger="expected status 200, got 500",
    failing_since=NOW - timedelta(seconds=6),
    decided_at=NOW - timedelta(seconds=5),
    started_at=NOW - timedelta(seconds=5),
    finished_at=NOW - timedelta(seconds=3),
    outcome=Outcome.RECOVERED,
    message="healthy after restart_service",
    initiation=0.002,
    duration=1.94,
    steps=(
        StepRecord(position=1, action="log", result=StepResult.OK, started_at=NOW - timedelta(seconds=5)),
        StepRecord(
            position=2,
            action="restart_service",
            result=StepResult.OK,
            message="web restarted, pid 778",
            started_at=NOW - timedelta(seconds=5),
            duration=0.34,
            verified=True,
        ),
    ),
    evidence={"last_output": ["Traceback (most recent call last):", "MemoryError"]},
)

DOING = UnderWay(
    phase=RecoveryPhase.ACTING,
    action="restart_service",
    position=2,
    since=NOW - timedelta(seconds=3),
    until=NOW + timedelta(seconds=27),
)
RUNNING = replace(
    RECOVERY, outcome=None, finished_at=None, message="", duration=None, steps=RECOVERY.steps[:1], current=DOING
)
PAUSE_OF_DISK = Pause(check="disk", since=NOW - timedelta(minutes=5), until=NOW + timedelta(hours=1), by="olaf")

WEB_RULE = RuleReport(
    rule=RecoveryRule(
        name="web",
        check="web",
        ladders=((ActionSpec(kind="log"), ActionSpec(kind="restart_service", options={"token": "do-not-tell"})),),
    ),
    state=RuleState(
        rule="web",
        attempts=2,
        last_started=NOW - timedelta(seconds=20),
        last_finished=NOW - timedelta(seconds=18),
        last_outcome=Outcome.NOT_RECOVERED,
    ),
    refusal=Refusal(
        rule="web",
        check="web",
        reason=RefusalReason.COOLING_DOWN,
        detail="the last attempt ended 18 s ago",
        until=NOW + timedelta(seconds=42),
    ),
)

WAITING = Approval(id="ab12", asked_at=NOW - timedelta(minutes=3), expires_at=NOW + timedelta(minutes=12))


def explanation(*refusals: Refusal, report: RuleReport = WEB_RULE, running: bool = False) -> RuleExplanation:
    """Explain a rule: these stages refuse, all others pass."""
    held = {refusal.reason: refusal for refusal in refusals}
    findings = tuple(
        Finding(reason=reason, question=f"Is it not {reason}?", refusal=held.get(reason)) for reason in RefusalReason
    )
    record = replace(RECOVERY, outcome=None, steps=RECOVERY.steps[:1]) if running else None
    return RuleExplanation(rule=report.rule, state=report.state, findings=findings, running=record)


def refusal(reason: RefusalReason, detail: str = "", until: float | None = None) -> Refusal:
    ends = None if until is None else NOW + timedelta(seconds=until)
    return Refusal(rule="web", check="web", reason=reason, detail=detail, until=ends)


@dataclass
class FakeControl:
    """Writes down what was asked; ``error`` is what every call raises."""

    asked: list[tuple[str, str]] = field(default_factory=list)
    said: dict[str, Any] = field(default_factory=dict)
    paused: bool = True
    beats: list[Heartbeat] = field(default_factory=list)
    slugs: frozenset[str] = frozenset({"backup"})
    room: bool = True
    received: list[tuple[str, tuple[ReceivedAlert, ...]]] = field(default_factory=list)
    error: Exception | None = None

    def _take(self, what: str, name: str, known: str = "web") -> None:
        self.asked.append((what, name))
        if self.error:
            raise self.error
        if name not in (known, ""):
            message = f"there is no {what} {name!r}"
            raise NotFoundError(message, remedy=f"known is {known}")

    async def check_now(self, name: str) -> Observation:
        self._take("check_now", name)
        return look(Status.HEALTHY, "200 OK", ago=0)

    async def heal(self, rule: str) -> RecoveryRecord:
        self._take("heal", rule)
        return RECOVERY

    async def begin(self, rule: str) -> RecoveryRecord:
        self._take("begin", rule)
        return RUNNING

    async def cancel(self, recovery: str, *, by: str = "") -> RecoveryRecord:
        self._take("cancel", recovery, known="r1" if recovery == "r1" else "web")
        self.said = {"by": by}
        return replace(RECOVERY, outcome=Outcome.CANCELLED, message=f"called off by {by}")

    async def reset(self, rule: str) -> None:
        self._take("reset", rule)

    async def pause(self, seconds: float | None, *, reason: str = "", by: str = "") -> Pause:
        self._take("pause", "")
        self.said = {"seconds": seconds, "reason": reason, "by": by}
        return Pause(since=NOW, until=NOW + timedelta(seconds=seconds) if seconds else None, reason=reason, by=by)

    async def resume(self, *, by: str = "") -> None:
        self._take("resume", "")
        self.said = {"by": by}
        if not self.paused:
            message = "nothing is paused"
            raise ConflictError(message, remedy="`salus status` shows what holds healing")

    async def pause_check(self, name: str, seconds: float | None, *, reason: str = "", by: str = "") -> Pause:
        self._take("pause_check", name)
        self.said = {"seconds": seconds, "reason": reason, "by": by}
        until = NOW + timedelta(seconds=seconds) if seconds else None
        return Pause(check=name, since=NOW, until=until, reason=reason, by=by)

    async def resume_check(self, name: str, *, by: str = "") -> None:
        self._take("resume_check", name)
        self.said = {"by": by}
        if not self.paused:
            raise ConflictError(f"check {name!r} is not paused", remedy="`salus status` shows which are")

    async def start_maintenance(
        self, members: Selector, seconds: float, *, name: str = "", reason: str = "", by: str = ""
    ) -> Maintenance:
        self._take("start_maintenance", name, known=name)
        self.said = {"members": members, "seconds": seconds, "reason": reason, "by": by}
        until = NOW + timedelta(seconds=seconds)
        return Maintenance(id=name or "m1", since=NOW, until=until, members=members, reason=reason, by=by)

    async def end_maintenance(self, name: str, *, by: str = "") -> None:
        self._take("end_maintenance", name)
        self.said = {"by": by}

    async def enable_rule(self, rule: str, *, enabled: bool, by: str = "") -> None:
        self._take("enable_rule" if enabled else "disable_rule", rule)
        self.said = {"by": by}

    async def set_mode(self, rule: str, mode: Mode | None, *, by: str = "") -> RuleReport:
        self._take("set_mode", rule)
        self.said = {"mode": mode, "by": by}
        return replace(WEB_RULE, override=ModeOverride(mode=mode, since=NOW, by=by) if mode else None)

    async def answer(self, approval: str, *, approve: bool, by: str = "", note: str = "") -> Approval:
        self._take("approve" if approve else "reject", approval)
        self.said = {"by": by, "note": note}
        given = Answer.APPROVED if approve else Answer.REJECTED
        return replace(WAITING, answer=given, answered_at=NOW, by=by, note=note)

    async def start_service(self, name: str) -> ServiceStatus:
        self._take("start_service", name)
        return WEB_SERVICE

    async def stop_service(self, name: str) -> ServiceStatus:
        self._take("stop_service", name)
        return replace(WEB_SERVICE, state=ServiceState.STOPPED, wanted=False, pid=None)

    async def restart_service(self, name: str) -> ServiceStatus:
        self._take("restart_service", name)
        return WEB_SERVICE

    async def reload(self) -> str:
        self._take("reload", "")
        return "1 check changed"

    def beat(self, heartbeat: Heartbeat) -> bool:
        self.beats.append(heartbeat)
        return heartbeat.slug in self.slugs

    def receive(self, alerts: Sequence[ReceivedAlert], source: str) -> bool:
        if not self.room:
            return False
        self.received.append((source, tuple(alerts)))
        return True


class Bus:
    """Hands events to whoever subscribed."""

    def __init__(self) -> None:
        self.subscribers: list[Subscriber] = []

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        self.subscribers.append(subscriber)
        return lambda: self.subscribers.remove(subscriber)

    def tell(self, event: Event) -> None:
        for subscriber in self.subscribers:
            subscriber(event)
