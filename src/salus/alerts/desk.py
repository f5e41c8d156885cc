"""Where all alerts lie: what each still needs to be told, to whom and when; what is due becomes notifications.

No clock and no I/O: ``now`` is an argument, and the same calls give the same notifications.

1. Whoever changes an alert puts it here (``put``); it is assessed: for every channel that it goes to, dedup says
   whether there is news, the stages whether it is to be kept quiet, group and rate when it goes out.
2. What is due is taken out (``due``), assessed once more, since silences and hours change by themselves, and told.
3. What was told is written into the alert in the same step, so that the row of the alert and the delivery are one fact.
4. What was kept quiet waits as long as a new alert when that is over: what ended its silence often ends it too.
5. A channel that is away (switched off, or out of the config) is told nothing new; the ends of what it was told are
   made all the same, and wait in the outbox behind what waits there: nobody who comes back believes what is over.
6. An alert that has ended, and that nobody has still to hear of, leaves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from heapq import heapify, heappop, heappush
from itertools import islice

from salus.alerts import compose
from salus.alerts.cases import Around, Cases
from salus.alerts.compose import Draft, Sender, told_of
from salus.alerts.dedup import News, news, waits_for_group
from salus.alerts.group import Group, Groups, Need
from salus.alerts.rounds import Plan, Rounds
from salus.alerts.route import Path, key_of, paths
from salus.matchers import matches
from salus.model import (
    Alert,
    AlertSettings,
    AlertState,
    ChannelSpec,
    Hush,
    Notification,
    Occasion,
    Silence,
    Told,
)

MACHINE_KEY = "all"
_AT_ONCE = 100
_SLACK = 100
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_NOT_YET = datetime.max.replace(tzinfo=UTC)
_IN_DIGEST = frozenset({Occasion.FIRING, Occasion.FLAPPING, Occasion.ESCALATED, Occasion.REMINDER})
_JUDGED_WHEN_DUE = frozenset({Occasion.REMINDER, Occasion.ESCALATED})
_HEALING_PAUSE = timedelta(seconds=1)
_HEALING_MOST = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Round:
    """What one look at what is due brought: notifications, and the alerts as they are now that these were made."""

    notifications: tuple[Notification, ...] = ()
    changed: tuple[Alert, ...] = ()


class Desk:
    """All alerts of one Salus."""

    def __init__(self, around: Around, ids: Callable[[], str]) -> None:
        """Begin with none; ``ids`` makes ids of notifications."""
        self.settings = AlertSettings()
        self.sender = Sender()
        self.alerts: dict[str, Alert] = {}
        self._cases = Cases(around, self.alerts)
        self._around = around
        self._rounds = Rounds(ids, self.alerts)
        self._resend: Mapping[str, float | None] = {}
        self._machines: frozenset[str] = frozenset()
        self._groups = Groups()
        self._targets_at: datetime | None = None
        self.suppressed: Counter[str] = Counter()
        self._quiet_until: dict[str, dict[str, datetime]] = {}
        self._made: list[Notification] = []
        self._changed: dict[str, Alert] = {}
        self._marks: dict[str, dict[str, Told]] = {}
        self._again: list[tuple[datetime, str]] = []
        self._again_at: dict[str, datetime] = {}

    @property
    def silences(self) -> dict[str, Silence]:
        """Return all silences by id; whoever changes them says so (``reconsider``)."""
        return self._cases.silences

    @silences.setter
    def silences(self, silences: dict[str, Silence]) -> None:
        self._cases.silences = silences

    # ── what changes ──────────────────────────────────────────────────────────────────────────────────────────────────

    def configure(self, settings: AlertSettings, resend: Mapping[str, float | None], now: datetime) -> None:
        """Take a config; ``resend`` names for each channel the seconds after which it must be told again."""
        self.settings = settings
        self.note_all()
        self._resend = resend
        self._machines = frozenset(name for name, seconds in resend.items() if seconds is not None)
        self._groups = self._known_groups()
        self._cases.configure(settings)
        self._cases.told_before.keep = timedelta(seconds=max((rule.cooldown for rule in settings.rules), default=0.0))
        self._rounds.configure(settings.channels)
        self.reconsider(now)

    def spent(self, made: Iterable[tuple[str, datetime]]) -> None:
        """Take the notifications that an earlier Salus made into the rates: (channel, instant), oldest first."""
        self._rounds.spent(made)

    def load(self, alert: Alert, now: datetime) -> None:
        """Take an alert of an earlier Salus."""
        for channel, told in alert.told.items():
            if told.count:
                self._cases.told_before.note((alert.fingerprint, channel), told.at)
            self._groups.knows((channel, told.key), alert.fingerprint, told.at, open_now=told.state.open)
        self.put(alert, now)

    def put(self, alert: Alert, now: datetime) -> None:
        """Take an alert as it is now."""
        before = self.alerts.get(alert.fingerprint)
        if marks := self._marks.pop(alert.fingerprint, None):
            alert = replace(alert, told={**alert.told, **marks})
        if marks or alert.id in self._changed:
            self._changed[alert.id] = alert
        self.alerts[alert.fingerprint] = alert
        self._cases.add(alert, before)
        self._assess(alert.fingerprint, now)
        if before is None or before.state is not alert.state or before.quiet_since != alert.quiet_since:
            self._stir(alert, now)
        self._leave(alert.fingerprint, now)

    def drop(self, alert: Alert, now: datetime) -> None:
        """Forget an alert that nobody need hear of."""
        if self.alerts.pop(alert.fingerprint, None) is None:
            return
        self._groups.drop(alert.fingerprint)
        self._marks.pop(alert.fingerprint, None)
        self._again_at.pop(alert.fingerprint, None)
        self._quiet_until.pop(alert.fingerprint, None)
        self._cases.discard(alert)
        self._stir(alert, now)

    def reconsider(self, now: datetime) -> None:
        """Assess everything anew, a part at a time: a silence, a window or the config has changed."""
        for fingerprint in self.alerts:
            self._ask_again(fingerprint, now)

    def about(self, check: str) -> list[Alert]:
        """Return the alerts about a check."""
        return self._cases.about(check)

    def shift(self, alerts: Iterable[Alert], by: timedelta, now: datetime) -> None:
        """Follow a jump of the wall clock; ``alerts`` are all of them, moved along already."""
        self._groups, self._again, self._again_at, self._quiet_until = Groups(self._machines), [], {}, {}
        self._targets_at = self._targets_at + by if self._targets_at else None
        self._cases.told_before.shift(by)
        self._rounds.shift(by)
        for alert in alerts:
            self.load(alert, now)

    # ── what is due ───────────────────────────────────────────────────────────────────────────────────────────────────

    def next_due(self) -> datetime | None:
        """Return when ``due`` is worth a call; None when nothing is to come."""
        while self._again and self._again_at.get(self._again[0][1]) != self._again[0][0]:
            heappop(self._again)
        instants = [self._again[0][0]] if self._again else []
        instants += [self._targets_at] if self._targets_at else []
        instants += [_LONG_AGO] if self.unfinished else []
        if (group := self._groups.next_due()) is not None:
            instants.append(group)
        return min(instants, default=None)

    def due(self, now: datetime) -> Round:
        """Return what is to be told now; bounded, so call it again while ``next_due`` is not in the future."""
        self._ask(now)
        by_channel: dict[str, list[Group]] = {}
        for group in self._groups.pop_ready(now):
            if self._still_due(group, now):
                by_channel.setdefault(group[0], []).append(group)
        made: list[Notification] = []
        for channel, groups in sorted(by_channel.items()):
            plan = self._plan(channel, groups, now)
            for draft in plan.drafts:
                made.append(compose.compose(draft, self.sender))
                self._told(draft, now)
            for group in groups:
                self._groups.rearm(group, plan.put_off.get(group))
        self._made += made
        self._mark(now)
        if self._marks:  # they come out together, and so into the ledger
            return Round()
        made, self._made = self._made, []
        changed, self._changed = self._changed, {}
        return Round(tuple(made), tuple(changed.values()))

    def _plan(self, channel: str, groups: list[Group], now: datetime) -> Plan:
        if channel in self._machines:
            return self._rounds.for_machine(self._groups, groups, now)
        spec = self.settings.channels.get(channel) or ChannelSpec(name=channel, kind="")
        return self._rounds.for_people(self._groups, groups, spec, now)

    def _ask(self, now: datetime) -> None:
        if self._targets_at is not None and self._targets_at <= now:
            self._targets_at = None
            for fingerprint, alert in self.alerts.items():
                if any(matches(rule.target, alert.labels) for rule in self.settings.inhibit):
                    self._ask_again(fingerprint, now)
        for _ in range(_AT_ONCE):
            if not self._again or self._again[0][0] > now:
                return
            at, fingerprint = heappop(self._again)
            if self._again_at.get(fingerprint) == at:
                del self._again_at[fingerprint]
                self._assess(fingerprint, now)
                self._leave(fingerprint, now)

    def _still_due(self, group: Group, now: datetime) -> bool:
        """Assess once more what may have changed by itself; tell whether the group still has something to hear."""
        for fingerprint, need in list(self._groups.needs(group).items()):
            if self._again_at.get(fingerprint, _NOT_YET) <= now or _may_be_quiet_now(need):
                self._assess(fingerprint, now)
        at = self._groups.ready_at(group)
        if at is not None and at > now:
            self._groups.rearm(group, at)
        return at is not None and at <= now

    def _told(self, draft: Draft, now: datetime) -> None:
        """Note what the channel knows from now on."""
        for alert, _ in draft.fresh:
            name = alert.fingerprint
            before = alert.told.get(draft.channel)
            key = before.key if before is not None and before.state.open else draft.key
            told = told_of(alert, key, now, before)
            self._marks.setdefault(name, {})[draft.channel] = told
            self._groups.heard(name, draft.channel)
            self._groups.knows((draft.channel, key), name, now, open_now=told.state.open)
            if told.state.open:
                self._cases.told_before.note((name, draft.channel), now)
        if draft.channel in self._machines:
            self._groups.machine_told((draft.channel, draft.key), now)

    def _mark(self, now: datetime) -> None:
        """Write into alerts what channels were told, a part at a time; ``put`` does it for one that changes first."""
        for name in [*islice(self._marks, _AT_ONCE)]:
            self._assess(name, now)
            self._leave(name, now)

    def _note(self, name: str) -> None:
        """Write into an alert what channels were told of it."""
        alert, marks = self.alerts.get(name), self._marks.pop(name, None)
        if alert is not None and marks:
            self.alerts[name] = marked = replace(alert, told={**alert.told, **marks})
            self._changed[marked.id] = marked

    def note_all(self) -> None:
        """Write into all alerts what channels were told of them: before everything changes."""
        for name in [*self._marks]:
            self._note(name)

    @property
    def unfinished(self) -> bool:
        """Tell whether notifications were made that have not come out of ``due`` yet."""
        return bool(self._marks or self._made or self._changed)

    def holds(self, alert_id: str) -> bool:
        """Tell whether an alert comes out of ``due`` soon, with the notifications that it knows of: not before them."""
        return alert_id in self._changed

    def _known_groups(self) -> Groups:
        """Return groups that know what was told, and have nothing to tell yet."""
        groups = Groups(self._machines)
        for alert in self.alerts.values():
            for channel, told in alert.told.items():
                groups.knows((channel, told.key), alert.fingerprint, told.at, open_now=told.state.open)
        return groups

    # ── one alert ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _assess(self, fingerprint: str, now: datetime) -> None:
        """Find out what is to be told of an alert, and ask again when time alone may change the answer."""
        self._note(fingerprint)
        self._groups.drop(fingerprint)
        alert = self.alerts.get(fingerprint)
        if alert is None or alert.state is AlertState.PENDING:
            return
        if alert.state is AlertState.RESOLVED and self._story_unfinished(alert, now):
            self._ask_again(fingerprint, now + _HEALING_PAUSE)
            return
        ways = {path.channel: path for path in paths(self.settings.routes, alert.labels)}
        for channel in [*ways, *(name for name, told in alert.told.items() if told.state.open and name not in ways)]:
            self._assess_channel(alert, channel, ways.get(channel), now)

    def _assess_channel(self, alert: Alert, channel: str, path: Path | None, now: datetime) -> None:
        spec, told = self.settings.channels.get(channel), alert.told.get(channel)
        if (spec is None or not spec.enabled) and not _ended_unheard(alert, told):
            return
        found = news(alert, path, told, self._resend.get(channel))
        if found is None:
            return
        if found.occasion is Occasion.RESOLVED and spec is not None and not spec.send_resolved:
            if told is not None:
                self._groups.knows((channel, told.key), alert.fingerprint, told.at, open_now=False)
            return
        if self._kept_quiet(alert, channel, path, found, now):
            return
        machine = channel in self._machines
        key = self._key(alert, channel, path, machine=machine)
        found = self._after_quiet(alert.fingerprint, channel, found, now)
        if found.occasion is Occasion.ESCALATED and path is not None:
            at = self._heard_first(alert, path)
            if at is None:
                return
            found = replace(found, at=max(found.at, at + timedelta(seconds=path.after)))
        need = Need.of(found, path, machine=machine)
        self._groups.want(alert.fingerprint, (channel, key), need)

    def _after_quiet(self, fingerprint: str, channel: str, found: News, now: datetime) -> News:
        """Let what was kept quiet up to now wait like something new."""
        quiet = self._quiet_until.get(fingerprint)
        if quiet is None or channel not in quiet or not waits_for_group(found.occasion):
            return found
        if quiet[channel] is _NOT_YET:
            quiet[channel] = now
        return replace(found, at=max(found.at, quiet[channel]))

    def _heard_first(self, alert: Alert, path: Path) -> datetime | None:
        """Return from when on those who hear first could acknowledge an alert; None while it is kept from them."""
        quiet = self._quiet_until.get(alert.fingerprint, {})
        ends = [quiet[channel] for channel in path.route.channels if channel in quiet]
        if ends and all(end is _NOT_YET for end in ends) and not any(told.state.open for told in alert.told.values()):
            return None
        return max([end for end in ends if end is not _NOT_YET], default=alert.first_seen)

    def _key(self, alert: Alert, channel: str, path: Path | None, *, machine: bool) -> str:
        told = alert.told.get(channel)
        if told is not None and told.state.open:
            return told.key
        if machine:
            return MACHINE_KEY
        return key_of(path, alert) if path is not None else alert.fingerprint

    def _kept_quiet(self, alert: Alert, channel: str, path: Path | None, found: News, now: datetime) -> bool:
        if path is None or not (found.hushable or alert.moment):
            return False
        if found.at > now and not waits_for_group(found.occasion):
            return False  # whether it is kept quiet shows when it is due
        hushed = self._cases.hush(alert, path, now)
        if hushed is None:
            return False
        quiet = self._quiet_until.setdefault(alert.fingerprint, {})
        if quiet.get(channel) is not _NOT_YET:
            self.suppressed[hushed.reason.value] += 1
            quiet[channel] = _NOT_YET
        if hushed.until is not None and not alert.moment:
            self._ask_again(alert.fingerprint, hushed.until)
        return True

    def hushes(self, alert: Alert, path: Path, now: datetime) -> Hush | None:
        """Say why an alert is not told on its way, or None."""
        return self._cases.hush(alert, path, now)

    def _story_unfinished(self, alert: Alert, now: datetime) -> bool:
        """Tell whether a recovery is still at work, whose end belongs to the story; not for ever."""
        ended = alert.resolved_at or now
        return alert.check is not None and now - ended < _HEALING_MOST and self._around.healing(alert.check)

    def _leave(self, fingerprint: str, now: datetime) -> None:
        alert = self.alerts.get(fingerprint)
        if alert is None or alert.state is not AlertState.RESOLVED or alert.dismissed:
            return
        if not self._groups.wanting(fingerprint) and fingerprint not in self._again_at:
            self._close(alert, now)
            self.drop(alert, now)

    def _close(self, alert: Alert, now: datetime) -> None:
        """Note of an ended alert that its end will not be told any more, nor a moment at all: nobody waits for that."""
        waiting = {channel: told for channel, told in alert.told.items() if told.state.open}
        over = {channel: replace(told, state=AlertState.RESOLVED) for channel, told in waiting.items()}
        if alert.moment:
            never = Told(state=AlertState.RESOLVED, key="", at=now, count=0)
            ways = [path.channel for path in paths(self.settings.routes, alert.labels)]
            over |= {channel: never for channel in ways if channel not in alert.told}
        if over:
            self._changed[alert.id] = replace(alert, told={**alert.told, **over})

    def _stir(self, alert: Alert, now: datetime) -> None:
        """Ask again about alerts that this one may have kept quiet."""
        if alert.check is not None:
            for fingerprint in self._cases.leaves(alert.check):
                self._ask_again(fingerprint, now)
        if self._cases.sources.holds(alert) and self._targets_at is None:
            self._targets_at = now  # all of them, once, however many sources change at this instant

    def _ask_again(self, fingerprint: str, at: datetime) -> None:
        known = self._again_at.get(fingerprint)
        if known is None or at < known:
            self._again_at[fingerprint] = at
            heappush(self._again, (at, fingerprint))
            if len(self._again) > 2 * len(self._again_at) + _SLACK:
                self._again = [(due, name) for name, due in self._again_at.items()]
                heapify(self._again)


def _may_be_quiet_now(need: Need) -> bool:
    """Tell whether time alone may have hushed something since it was assessed."""
    if need.occasion in _JUDGED_WHEN_DUE:
        return True
    route = need.path.route if need.path is not None else None
    return route is not None and bool(route.mute_during or route.active_during)


def _ended_unheard(alert: Alert, told: Told | None) -> bool:
    """Tell whether an alert has ended that a channel was told of as open."""
    return told is not None and told.state.open and alert.state is AlertState.RESOLVED
