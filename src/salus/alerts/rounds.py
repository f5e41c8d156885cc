"""Stage: rate. What is ready is put together into notifications, as far as the rate of each channel allows.

1. A channel is sent ``rate_limit`` notifications within any ``rate_period`` at most. The last of them waits a moment,
   so that in a storm it can stand for all that the rate does not allow: a digest.
2. What a digest cannot hold (resolutions, which go out under the keys that they were told under) waits.
3. A machine groups by itself and has no rate: it is told of everything, a part at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from salus.alerts import compose
from salus.alerts.compose import Draft
from salus.alerts.dedup import waits_for_group
from salus.alerts.group import Group, Groups, Need
from salus.alerts.rate import Rate
from salus.model import Alert, ChannelSpec, Occasion

DIGEST_PAUSE = timedelta(seconds=10)
_SOON = timedelta(milliseconds=1)
_IN_DIGEST = frozenset({Occasion.FIRING, Occasion.FLAPPING, Occasion.ESCALATED, Occasion.REMINDER})


@dataclass(frozen=True, slots=True)
class Plan:
    """What a channel is told now, and which of its groups must wait until when."""

    drafts: tuple[Draft, ...] = ()
    put_off: Mapping[Group, datetime] = field(default_factory=dict)


class Rounds:
    """Plans what channels are told, and counts it."""

    def __init__(self, ids: Callable[[], str], alerts: Mapping[str, Alert]) -> None:
        """Make ids of notifications by ``ids``; ``alerts`` are all there are, by fingerprint."""
        self._ids = ids
        self._alerts = alerts
        self._rates: dict[str, Rate] = {}

    def configure(self, channels: Iterable[str]) -> None:
        """Take the channels of a config; what was sent counts on."""
        self._rates = {name: self._rates.get(name) or Rate() for name in channels}

    def spent(self, made: Iterable[tuple[str, datetime]]) -> None:
        """Take the notifications that an earlier Salus made: (channel, instant), oldest first."""
        for channel, at in made:
            if channel in self._rates:
                self._rates[channel].spend(at)

    def shift(self, by: timedelta) -> None:
        """Follow a jump of the wall clock."""
        for rate in self._rates.values():
            rate.shift(by)

    def for_machine(self, around: Groups, groups: Iterable[Group], now: datetime) -> Plan:
        """Tell a machine of what is due, as much of each group as fits into one notification."""
        return Plan(tuple(self._for_machine(around.needs(group), group, now) for group in groups))

    def _for_machine(self, needs: Mapping[str, Need], group: Group, now: datetime) -> Draft:
        due = [name for name, need in needs.items() if need.at <= now][: compose.MACHINE_ALERTS]
        fresh = [(self._alerts[name], needs[name].occasion) for name in due]
        most = compose.MACHINE_ALERTS
        return Draft(id=self._ids(), channel=group[0], key=group[1], at=now, fresh=fresh, most=most)

    def for_people(self, around: Groups, groups: list[Group], spec: ChannelSpec, now: datetime) -> Plan:
        """Tell people of what is ready, the gravest first."""
        rate = self._rates.setdefault(spec.name, Rate())  # one that is out of the config has none
        left = rate.left(spec, now)
        if left == 1 and spec.rate_limit > 1 and rate.newest > now - DIGEST_PAUSE:
            return Plan(put_off=dict.fromkeys(groups, rate.newest + DIGEST_PAUSE))
        order = sorted(groups, key=lambda group: self._urgency(around.needs(group), group))
        alone = order if len(order) <= left else order[: max(0, left - 1)]
        waiting = order[len(alone) :]
        drafts = [self._draft(around, group, now) for group in alone]
        if waiting and left:
            drafts.append(self._digest(around, waiting, now) or self._draft(around, waiting.pop(0), now))
        for _ in drafts:
            rate.spend(now)
        return Plan(tuple(drafts), dict.fromkeys(waiting, max(rate.again(spec) or now, now + _SOON)))

    def _urgency(self, needs: Mapping[str, Need], group: Group) -> tuple[int, datetime, Group]:
        gravest = min(compose.gravity(self._alerts[name]) for name in needs)
        return gravest, min(need.at for need in needs.values()), group

    def _draft(self, around: Groups, group: Group, now: datetime) -> Draft:
        """Tell a group of everything that it needs to hear, also of what could have waited a little for others."""
        needs = {name: need for name, need in around.needs(group).items() if not _later(need, now)}
        path = next((need.path for need in needs.values()), None)
        known = sorted(around.known(group) - needs.keys())
        return Draft(
            id=self._ids(),
            channel=group[0],
            key=group[1],
            at=now,
            fresh=[(self._alerts[name], need.occasion) for name, need in needs.items()],
            others=[self._alerts[name] for name in known if name in self._alerts],
            by=path.route.group_by if path else (),
        )

    def _digest(self, around: Groups, groups: Iterable[Group], now: datetime) -> Draft | None:
        """Put what is new to several groups into one; None where it would not stand for more than one alert."""
        fresh = [
            (self._alerts[name], need.occasion)
            for group in groups
            for name, need in around.needs(group).items()
            if need.occasion in _IN_DIGEST and not _later(need, now)
        ]
        if len(fresh) < 2:
            return None
        made, channel = self._ids(), next(iter(groups))[0]
        return Draft(id=made, channel=channel, key=f"digest-{made}", at=now, fresh=fresh, digest=True)


def _later(need: Need, now: datetime) -> bool:
    """Tell whether something must not be told before its time: a reminder, an escalation."""
    return need.at > now and not (waits_for_group(need.occasion) or need.occasion is Occasion.RESOLVED)
