"""What the alerts promise, whatever happens: troubles, people, configs, restarts and clocks in any order.

Judged at every notification and at the end, when all trouble is over and time has passed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from salus.alerts.stage import Case
from salus.alerts.stages import hush
from salus.matchers import matches, parse_matchers
from salus.model import AlertState, ChannelSpec, Level, Notification, Occasion, RouteSpec, TimeInterval, TimeRange
from tests.unit.alerts.scene import CHECKS, RESEND, ROUTES, RULES, SETTINGS, Scene

QUIET_FREE = {Occasion.RESOLVED, Occasion.REFRESH}
LUNCH = TimeInterval(name="lunch", ranges=(TimeRange(times=((12 * 60 + 20, 12 * 60 + 50),)),))
OTHER_ROUTES: tuple[tuple[RouteSpec, ...], ...] = (
    ROUTES,
    (RouteSpec(channels=("chat", "machine"), group_by=("...",), group_wait=0, repeat_interval=120),),
    (RouteSpec(channels=("chat", "pager"), group_by=(), group_interval=300, mute_during=("lunch",)),),
    (RouteSpec(match=parse_matchers("check=~'nothing'".replace("'", '"')), channels=("chat",)),),
    (
        RouteSpec(match=parse_matchers("check=db"), channels=("chat", "slow"), go_on=True, repeat_interval=90),
        RouteSpec(channels=("slow", "chat", "mute"), group_by=("check",), group_interval=0),
    ),
)
OTHER_CHANNELS = {
    "slow": ChannelSpec(name="slow", kind="log", rate_limit=1, rate_period=45),
    "mute": ChannelSpec(name="mute", kind="log", send_resolved=False),
}
HOLDS = {"down": (0.0, 20.0, 500.0), "slow": (0.0, 30.0, 90.0)}
RULE, CHECK = st.sampled_from(sorted(RULES)), st.sampled_from(sorted(CHECKS))
_LEVELS = list(Level)
SPELL = st.sampled_from([1.0, 9.0, 30.0, 61.0, 200.0, 700.0, 4000.0])


class Telling(RuleBasedStateMachine):
    """A book of alerts under whatever people and programs do."""

    @initialize()
    def begin(self) -> None:
        channels = {**SETTINGS.channels, **OTHER_CHANNELS}
        self.scene = Scene(settings=replace(SETTINGS, intervals={"lunch": LUNCH}, channels=channels))
        self.judged = 0
        self.known: dict[tuple[str, str], list[tuple[AlertState, str]]] = defaultdict(list)
        self.levels: dict[tuple[str, str], Level] = {}
        self.moved = timedelta()
        self.made: dict[str, list[datetime]] = defaultdict(list)
        self.shifts = 0
        self.write_all()

    # ── what happens ──

    @rule(name=RULE, check=CHECK, holds=st.sampled_from([True, True, False, None]))
    def see(self, name: str, check: str, *, holds: bool | None) -> None:
        self.scene.sees(name, check, holds=holds)

    @rule(name=RULE, check=CHECK, level=st.sampled_from(Level))
    def see_it_change(self, name: str, check: str, level: Level) -> None:
        self.scene.sees(name, check, holds=True, level=level)

    @rule(seconds=SPELL)
    def wait(self, seconds: float) -> None:
        self.scene.pass_time(seconds)

    @rule(match=st.sampled_from(["check=db", "alertname=down", 'level=~".+"']), seconds=SPELL)
    def silence(self, match: str, seconds: float) -> None:
        self.scene.silence(match, seconds)

    @rule()
    def expire(self) -> None:
        for name in sorted(self.scene.desk.silences)[:1]:
            self.scene.expire(name)

    @rule(check=CHECK)
    def maintain(self, check: str) -> None:
        self.scene.world.maintained ^= {check}
        self.scene.desk.reconsider(self.scene.now)
        self.scene.settle()

    @rule(check=CHECK)
    def heal(self, check: str) -> None:
        self.scene.world.healed ^= {check}

    @rule(name=RULE, check=CHECK)
    def acknowledge(self, name: str, check: str) -> None:
        self.scene.acknowledge(name, check)

    @rule(name=RULE, check=CHECK)
    def dismiss(self, name: str, check: str) -> None:
        self.scene.dismiss(name, check)

    @rule(routes=st.sampled_from(OTHER_ROUTES))
    def reconfigure(self, routes: tuple[RouteSpec, ...]) -> None:
        self.scene.with_routes(*routes)

    @rule(holds=st.sampled_from([0, 1, 2]))
    def reload_rules(self, holds: int) -> None:
        rules = tuple(replace(one, hold=HOLDS[one.name][holds]) for one in self.scene.settings.rules)
        self.scene.configure(replace(self.scene.settings, rules=rules))

    @rule()
    def restart(self) -> None:
        self.scene.restart()
        self.write_all()

    @rule()
    def write_all(self) -> None:
        """Let the ledger have everything so far: only then is anything sent."""
        scene = self.scene
        self.judge()
        self.written = dict(scene.rows), len(scene.told), deepcopy((self.known, self.levels, self.made))

    @rule()
    def die(self) -> None:
        """Let Salus be killed: what the ledger does not have yet was never sent."""
        scene = self.scene
        self.judge()
        rows, sent, known = self.written
        scene.rows = dict(rows)
        del scene.told[sent:]
        self.known, self.levels, self.made = deepcopy(known)
        self.judged = sent
        scene.restart()

    @rule(by=st.sampled_from([timedelta(hours=1), timedelta(hours=-2)]))
    def set_clock(self, by: timedelta) -> None:
        if self.shifts < 2:
            self.shifts += 1
            self.scene.now += by
            self.made = defaultdict(list, {name: [at + by for at in made] for name, made in self.made.items()})
            # Notifications that were made already bear the old time; the rates of a restart are counted from them.
            self.scene.told = [replace(note, at=note.at + by) for note in self.scene.told]
            silences = self.scene.desk.silences.values()
            self.scene.desk.silences = {
                one.id: replace(one, since=one.since + by, until=one.until + by) for one in silences
            }
            for row in self.scene.book.shift(by, self.scene.now):
                if row.fired_at is not None:
                    self.scene.rows[row.id] = row
            self.scene.settle()
            self.write_all()

    # ── what must hold ──

    @invariant()
    def judge(self) -> None:
        if not hasattr(self, "scene"):
            return
        news, self.judged = self.scene.told[self.judged :], len(self.scene.told)
        for note in news:
            self._rate(note)
            self._order(note)
            self._bounds(note)
            if note.at == self.scene.now:
                self._quiet(note)

    def _rate(self, note: Notification) -> None:
        """Never more notifications than the rate allows, in any stretch of its period."""
        if note.channel in RESEND:
            return
        spec = self.scene.settings.channels[note.channel]
        made = self.made[note.channel]
        made.append(note.at)
        begin = note.at - timedelta(seconds=spec.rate_period)
        assert sum(1 for at in made if at > begin) <= spec.rate_limit

    def _order(self, note: Notification) -> None:
        """Each channel hears of an alert: firing, perhaps acknowledged, resolved; once, and under one key."""
        for alert in note.alerts:
            if alert.fingerprint not in note.fresh:
                continue
            heard = self.known[alert.id, note.channel]
            last = heard[-1] if heard else None
            if alert.state is AlertState.RESOLVED:
                assert last is not None
                assert last[0].open or (note.channel in RESEND and last[0] is AlertState.RESOLVED)
                assert note.key == last[1]
            elif last is not None and last[0].open:  # after its end it may be back before others heard of that
                again = note.occasion in (Occasion.REMINDER, Occasion.REFRESH)
                graver = _LEVELS.index(alert.level) > _LEVELS.index(self.levels[alert.id, note.channel])
                assert again or graver or last[0] is not alert.state or len(note.fresh) > 1
            self.levels[alert.id, note.channel] = alert.level
            heard.append((alert.state, last[1] if last is not None and last[0].open else note.key))

    def _bounds(self, note: Notification) -> None:
        names = [alert.fingerprint for alert in note.alerts]
        assert len(names) == len(set(names))
        assert note.fresh <= set(names)
        assert note.fresh

    def _quiet(self, note: Notification) -> None:
        """Nothing that is to be kept quiet is told, but for its end."""
        for alert in note.alerts:
            if alert.fingerprint not in note.fresh or alert.state is AlertState.RESOLVED:
                continue
            if note.channel in RESEND and len(self.known[alert.id, note.channel]) > 1:
                continue
            silences = self.scene.desk.silences.values()
            assert not any(one.since <= note.at < one.until and matches(one.match, alert.labels) for one in silences)
            assert alert.check not in self.scene.world.maintained
            assert hush(Case(alert=alert, route=ROUTES[0], now=note.at)) is None

    def teardown(self) -> None:
        """Let all trouble end: whoever was told of it has heard of its end, and nothing is left."""
        if not hasattr(self, "scene"):
            return
        scene = self.scene
        scene.world.healed.clear()
        for name in RULES:
            for check in CHECKS:
                scene.sees(name, check, holds=False)
        scene.pass_time(3 * 3600)
        self.judge()
        for (alert, channel), heard in self.known.items():
            if channel == "mute":
                assert all(state is not AlertState.RESOLVED for state, _ in heard)
                continue
            assert heard[-1][0] is AlertState.RESOLVED, f"{channel} never heard of the end of {alert}: {heard}"
        assert scene.desk.alerts == {}
        assert scene.desk.next_due() is None


Telling.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestWhatAlertsPromise = Telling.TestCase


def _play(steps: list[tuple[str, str, bool | None, float]]) -> list[Notification]:
    scene = Scene()
    for name, check, holds, seconds in steps:
        scene.sees(name, check, holds=holds)
        scene.pass_time(seconds)
    return scene.told


def _steps() -> st.SearchStrategy[list[tuple[str, str, bool | None, float]]]:
    return st.lists(st.tuples(RULE, CHECK, st.sampled_from([True, False, None]), SPELL), max_size=30)


def test_the_same_troubles_give_the_same_notifications() -> None:
    from hypothesis import given

    @given(_steps())
    def same(steps: list[tuple[str, str, bool | None, float]]) -> None:
        assert _play(steps) == _play(steps)

    judge: Callable[[], None] = same
    judge()


def test_what_fires_and_is_not_kept_quiet_is_told_to_every_channel_of_its_route() -> None:
    from hypothesis import given

    @given(_steps())
    def told(steps: list[tuple[str, str, bool | None, float]]) -> None:
        scene = Scene()
        for name, check, holds, seconds in steps:
            scene.sees(name, check, holds=holds)
            scene.pass_time(seconds)
        scene.pass_time(3600)
        for alert in scene.desk.alerts.values():
            if alert.state.open and alert.check in ("db", "disk") and alert.rule == "down":
                assert {"chat", "machine"} <= set(alert.told)
                assert all(alert.told[channel].state.open for channel in ("chat", "machine"))

    judge: Callable[[], None] = told
    judge()
