"""A small world for the book of alerts: four checks that hang on each other, three channels, and a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count

from salus.alerts.book import Book, Change
from salus.alerts.desk import Desk
from salus.alerts.labels import level_of, of_check
from salus.alerts.life import Flaps
from salus.alerts.match import Sight
from salus.matchers import parse_matchers
from salus.model import (
    Alert,
    AlertRule,
    AlertSettings,
    ChannelSpec,
    CheckSpec,
    Escalation,
    InhibitRule,
    Level,
    Notification,
    RouteSpec,
    Selector,
    Silence,
    Status,
)

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)

CHECKS = {
    "db": CheckSpec(name="db", kind="tcp", critical=True),
    "api": CheckSpec(name="api", kind="http", critical=True, depends_on=("db",), service="api"),
    "web": CheckSpec(name="web", kind="http", critical=True, depends_on=("api",), tags=("front",)),
    "disk": CheckSpec(name="disk", kind="disk"),
}
RULES = {
    "down": AlertRule(name="down", members=Selector(everything=True), status=Status.UNHEALTHY),
    "slow": AlertRule(name="slow", members=Selector(everything=True), status=Status.DEGRADED, hold=30, cooldown=120),
}
CHANNELS = {
    "chat": ChannelSpec(name="chat", kind="log", rate_limit=4, rate_period=60),
    "pager": ChannelSpec(name="pager", kind="log", rate_limit=6, rate_period=120),
    "boss": ChannelSpec(name="boss", kind="log"),
    "machine": ChannelSpec(name="machine", kind="log", rate_limit=1, rate_period=3600),
}
RESEND = {"machine": 60.0}
ROUTES = (
    RouteSpec(
        match=parse_matchers("level=critical"),
        channels=("pager",),
        group_wait=0,
        repeat_interval=600,
        escalate=(Escalation(after=300, channels=("boss",)),),
        go_on=True,
    ),
    RouteSpec(channels=("chat", "machine"), group_by=("alertname",), repeat_interval=3600),
)
SETTINGS = AlertSettings(
    rules=tuple(RULES.values()),
    channels=CHANNELS,
    routes=ROUTES,
    inhibit=(
        InhibitRule(
            name="down-says-it",
            source=parse_matchers("alertname=down"),
            target=parse_matchers("alertname=slow"),
            equal=("component",),
        ),
    ),
)


@dataclass
class World:
    """What the desk asks of."""

    maintained: set[str] = field(default_factory=set)
    healed: set[str] = field(default_factory=set)
    alone: bool = False

    def roots(self, check: str) -> Sequence[str]:
        if self.alone:
            return []
        return {"api": ["db"], "web": ["api", "db"]}.get(check, [])

    def leaves(self, check: str) -> Sequence[str]:
        if self.alone:
            return []
        return {"db": ["api", "web"], "api": ["web"]}.get(check, [])

    def maintenance(self, check: str, now: datetime) -> tuple[str, datetime | None] | None:
        return ("maintenance", None) if check in self.maintained else None

    def healing(self, check: str) -> bool:
        return check in self.healed


@dataclass
class Scene:
    """A book, a desk, the time, and everything that was told."""

    settings: AlertSettings = SETTINGS
    world: World = field(default_factory=World)
    now: datetime = START
    told: list[Notification] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    rows: dict[str, Alert] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.numbers = count(1)
        self.open()

    def open(self) -> None:
        """Begin with an empty book."""
        self.desk = Desk(self.world, lambda: f"n{next(self.numbers)}")
        self.book = Book(self.desk, lambda: f"a{next(self.numbers)}")
        self.configure(self.settings)

    def configure(self, settings: AlertSettings) -> None:
        self.settings = settings
        self.book.configure(settings.rules, Flaps(threshold=settings.flap_threshold, window=settings.flap_window))
        self.desk.configure(settings, {name: RESEND.get(name) for name in settings.channels}, self.now)
        self.settle()

    def restart(self) -> None:
        """Let another Salus take up what the ledger remembers."""
        silences = self.desk.silences
        made = [(note.channel, note.at) for note in self.told]
        rows = [row for row in self.rows.values() if self._remembered(row)]
        self.open()
        self.desk.silences = silences
        self.desk.spent(made)
        self.book.load(rows, self.now)
        self.settle()

    def _remembered(self, row: Alert) -> bool:
        lately = row.fired_at is not None and row.fired_at > self.now - timedelta(days=1)
        return row.state.open or row.dismissed or lately or any(told.state.open for told in row.told.values())

    def sees(self, rule: str, check: str, *, holds: bool | None, level: Level | None = None) -> None:
        """Let a rule say something of a check."""
        spec, found = CHECKS[check], RULES[rule]
        level = level or level_of(found, spec, found.status)
        sight = Sight(
            rule=found,
            labels=of_check(found, spec, level, {}),
            level=level,
            holds=holds,
            since=self.now,
            summary=f"{check} is {found.status}",
            check=check,
        )
        self.keep(self.book.see(sight, self.now))
        self.settle()

    def keep(self, *changes: Change | None) -> None:
        for change in changes:
            if change is not None:
                self.changes.append(change)
                if change.after is not None and change.after.fired_at is not None:
                    self.rows[change.after.id] = change.after

    def settle(self) -> None:
        """Do all that is due at this instant."""
        for _ in range(100):
            self.keep(*self.book.tick(self.now))
            made = self.desk.due(self.now)
            self.told += made.notifications
            self.rows.update({alert.id: alert for alert in made.changed})
            due = [at for at in (self.book.next_due(), self.desk.next_due()) if at is not None]
            if not due or min(due) > self.now:
                return
        message = f"something is due for ever at {self.now}"
        raise AssertionError(message)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, doing everything when it is due."""
        end = self.now + timedelta(seconds=seconds)
        while True:
            due = [at for at in (self.book.next_due(), self.desk.next_due()) if at is not None]
            if not due or min(due) > end:
                break
            self.now = max(self.now, *[min(due)])
            self.settle()
        self.now = end
        self.settle()

    def silence(self, match: str, seconds: float) -> Silence:
        made = Silence(
            id=f"s{next(self.numbers)}",
            match=parse_matchers(match),
            since=self.now,
            until=self.now + timedelta(seconds=seconds),
        )
        self.desk.silences[made.id] = made
        self.desk.reconsider(self.now)
        self.settle()
        return made

    def expire(self, silence: str) -> None:
        self.desk.silences.pop(silence, None)
        self.desk.reconsider(self.now)
        self.settle()

    def alert(self, rule: str, check: str) -> Alert | None:
        return next((one for one in self.desk.about(check) if one.rule == rule), None)

    def acknowledge(self, rule: str, check: str) -> None:
        if (alert := self.alert(rule, check)) is not None and alert.state.value == "firing":
            self.keep(self.book.acknowledge(alert, self.now, by="ann", note="on it"))
            self.settle()

    def dismiss(self, rule: str, check: str) -> None:
        if (alert := self.alert(rule, check)) is not None and alert.state.open:
            self.keep(self.book.dismiss(alert, self.now, by="ann", note="known"))
            self.settle()

    def heard(self, channel: str) -> list[str]:
        """Return what a channel was told, in short."""
        return [f"{note.occasion}: {', '.join(_short(note))}" for note in self.told if note.channel == channel]

    def with_routes(self, *routes: RouteSpec) -> None:
        self.configure(replace(self.settings, routes=routes))


def _short(note: Notification) -> list[str]:
    return [f"{alert.rule} {alert.check} {alert.state}" for alert in note.alerts if alert.fingerprint in note.fresh]
