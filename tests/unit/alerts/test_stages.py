"""The stages by themselves: routes, what is news, what keeps quiet, and the rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.alerts.dedup import RESEND_ENDED, news
from salus.alerts.inhibit import Sources, dependency, inhibited
from salus.alerts.rate import Rate
from salus.alerts.route import EACH, Path, key_of, paths
from salus.alerts.stage import Case
from salus.alerts.stages import STAGES, hush
from salus.matchers import matches, parse_matchers
from salus.model import (
    Alert,
    AlertState,
    ChannelSpec,
    Escalation,
    InhibitRule,
    Level,
    Occasion,
    RouteSpec,
    Silence,
    Suppression,
    Told,
)
from tests.unit.alerts.scene import START

ROUTE = RouteSpec(channels=("chat",))
PATH = Path("chat", 0, ROUTE)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def alert(name: str = "down", state: AlertState = AlertState.FIRING, **labels: str) -> Alert:
    level = Level(labels.get("level", "warning"))
    return Alert(
        id=name,
        fingerprint=name,
        labels={"alertname": name, "level": level.value, **labels},
        rule=name,
        level=level,
        state=state,
        check=name,
        summary=f"{name} is bad",
        first_seen=START,
        last_seen=START,
        fired_at=None if state is AlertState.PENDING else START,
        resolved_at=START + seconds(60) if state is AlertState.RESOLVED else None,
        acknowledged_at=START + seconds(30) if state is AlertState.ACKNOWLEDGED else None,
    )


def told(state: AlertState = AlertState.FIRING, after: float = 10) -> Told:
    return Told(state=state, key="k", at=START + seconds(after))


# ── Routes ────────────────────────────────────────────────────────────────────────────────────────────────────────────

CHANNELS = st.lists(st.sampled_from("abcd"), unique=True, max_size=3).map(tuple)
ESCALATE = st.lists(st.builds(Escalation, after=st.sampled_from([60.0, 300.0]), channels=CHANNELS), max_size=2).map(
    tuple
)
ROUTES = st.lists(
    st.builds(
        RouteSpec,
        match=st.sampled_from([(), parse_matchers("level=critical"), parse_matchers("team!=web")]),
        channels=CHANNELS,
        escalate=ESCALATE,
        go_on=st.booleans(),
    ),
    max_size=4,
)
LABELS = st.fixed_dictionaries(
    {"level": st.sampled_from(["critical", "warning"])}, optional={"team": st.sampled_from(["web", "db"])}
)


def takers(routes: Sequence[RouteSpec], labels: dict[str, str]) -> list[int]:
    found = []
    for place, route in enumerate(routes):
        if matches(route.match, labels):
            found.append(place)
            if not route.go_on:
                break
    return found


@given(ROUTES, LABELS)
def test_every_channel_of_the_routes_that_take_an_alert_hears_of_it_once_and_as_soon_as_any_says(
    routes: list[RouteSpec], labels: dict[str, str]
) -> None:
    soonest: dict[str, float] = {}
    for place in takers(routes, labels):
        ways = [(channel, 0.0) for channel in routes[place].channels]
        ways += [(channel, step.after) for step in routes[place].escalate for channel in step.channels]
        for channel, after in ways:
            soonest[channel] = min(after, soonest.get(channel, after))
    found = paths(routes, labels)
    assert {path.channel: path.after for path in found} == soonest
    assert len(found) == len(soonest)
    assert all(path.route is routes[path.place] for path in found)


def test_that_a_channel_cannot_be_reached_is_told_by_the_others() -> None:
    route = RouteSpec(channels=("chat", "mail"))
    labels = {"happening": "channel_failed", "subject": "chat"}
    assert [path.channel for path in paths([route], labels)] == ["mail"]
    assert [path.channel for path in paths([route], {"happening": "paused", "subject": "chat"})] == ["chat", "mail"]


def test_alerts_share_a_key_where_the_labels_of_their_group_are_the_same() -> None:
    path = Path("chat", 0, replace(ROUTE, group_by=("team",)))
    one, same, other, without = alert("a", team="web"), alert("b", team="web"), alert("c", team="db"), alert("d")
    keys = [key_of(path, each) for each in (one, same, other, without)]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    each = Path("chat", 0, replace(ROUTE, group_by=EACH))
    assert [key_of(each, one), key_of(each, same)] == ["a", "b"]


# ── What is news ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("known", [AlertState.FIRING, AlertState.ACKNOWLEDGED])
@pytest.mark.parametrize("path", [PATH, None, replace(PATH, after=900.0)])
@pytest.mark.parametrize("resend", [None, 60.0])
def test_whoever_knows_of_an_alert_as_open_hears_of_its_end_whatever_the_routes_say_by_now(
    known: AlertState, path: Path | None, resend: float | None
) -> None:
    found = news(alert(state=AlertState.RESOLVED), path, told(known), resend)
    assert found is not None
    assert found.occasion is Occasion.RESOLVED
    assert not found.hushable


@pytest.mark.parametrize("state", AlertState)
def test_whoever_does_not_know_of_an_alert_hears_nothing_of_it_by_no_route(state: AlertState) -> None:
    assert news(alert(state=state), None, None, None) is None


def test_what_is_known_to_fire_is_not_news_but_for_a_reminder_after_the_repeat_interval() -> None:
    found = news(alert(), PATH, told(), None)
    assert found is not None
    assert (found.occasion, found.at) == (Occasion.REMINDER, START + seconds(10 + 14400))
    assert news(alert(), replace(PATH, route=replace(ROUTE, repeat_interval=0)), told(), None) is None
    quiet = replace(alert(), flapping=True, quiet_since=START)
    assert news(quiet, PATH, told(), None) is None


def test_that_somebody_has_it_is_told_once_and_ends_reminders() -> None:
    taken = alert(state=AlertState.ACKNOWLEDGED)
    found = news(taken, PATH, told(), None)
    assert found is not None
    assert (found.occasion, found.at) == (Occasion.ACKNOWLEDGED, START + seconds(30))
    assert news(taken, PATH, told(AlertState.ACKNOWLEDGED), None) is None


def test_an_escalation_comes_its_time_after_the_firing_and_not_when_somebody_has_it() -> None:
    later = replace(PATH, after=900.0)
    found = news(alert(), later, None, None)
    assert found is not None
    assert (found.occasion, found.at) == (Occasion.ESCALATED, START + seconds(900))
    assert news(alert(state=AlertState.ACKNOWLEDGED), later, None, None) is None


@given(st.floats(0, 600), st.floats(1, 400))
def test_a_receiver_that_forgets_is_told_of_an_end_for_five_minutes_and_no_longer(ago: float, resend: float) -> None:
    ended = alert(state=AlertState.RESOLVED)
    assert ended.resolved_at is not None
    last = Told(state=AlertState.RESOLVED, key="k", at=ended.resolved_at + seconds(ago))
    found = news(ended, PATH, last, resend)
    again = last.at + seconds(resend)
    assert (found is None) is (again >= ended.resolved_at + RESEND_ENDED)
    assert found is None or (found.occasion, found.at) == (Occasion.REFRESH, again)


def test_what_has_no_duration_is_told_once_and_nobody_is_called_later_for_it() -> None:
    moment = replace(alert(state=AlertState.RESOLVED), moment=True)
    first = news(moment, PATH, None, None)
    assert first is not None
    assert first.occasion is Occasion.RESOLVED
    assert news(moment, PATH, told(AlertState.RESOLVED), None) is None
    assert news(moment, replace(PATH, after=900.0), None, None) is None


# ── What keeps quiet ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_reason_has_one_stage_in_the_order_of_the_reasons() -> None:
    assert [stage.reason for stage in STAGES] == list(Suppression)


def test_the_first_stage_that_hushes_decides() -> None:
    silence = Silence(id="s", match=parse_matchers("alertname=down"), since=START, until=START + seconds(60))
    case = Case(alert=alert(), route=ROUTE, now=START, silences=(silence,), maintenance=("deploy", None))
    found = hush(case)
    assert found is not None
    assert (found.reason, found.until) == (Suppression.SILENCED, silence.until)
    later = hush(replace(case, now=silence.until))
    assert later is not None
    assert later.reason is Suppression.MAINTENANCE
    assert hush(replace(case, now=silence.until, maintenance=None)) is None


@pytest.mark.parametrize("root", Level)
@pytest.mark.parametrize("leaf", Level)
def test_a_root_hushes_only_what_matters_no_more_than_itself(root: Level, leaf: Level) -> None:
    levels = list(Level)
    case = Case(alert=alert("leaf", level=leaf), route=ROUTE, now=START, roots=(alert("root", level=root),))
    assert (dependency(case) is not None) is (levels.index(root) >= levels.index(leaf))


def test_a_root_hushes_from_its_first_bad_look_until_its_trouble_is_gone() -> None:
    case = Case(alert=alert("leaf"), route=ROUTE, now=START)
    roots = {
        "pending": alert("root", AlertState.PENDING),
        "acknowledged": alert("root", AlertState.ACKNOWLEDGED),
        "resolved": alert("root", AlertState.RESOLVED),
        "quiet": replace(alert("root"), flapping=True, quiet_since=START),
    }
    hushed = {name for name, root in roots.items() if dependency(replace(case, roots=(root,)))}
    assert hushed == {"pending", "acknowledged"}


RULE = InhibitRule(
    name="site", source=parse_matchers("kind=source"), target=parse_matchers('level=~".+"'), equal=("site",)
)
SITES = st.fixed_dictionaries({}, optional={"site": st.sampled_from(["x", "y"]), "kind": st.just("source")})
ALERTS = st.lists(
    st.tuples(st.sampled_from("abcdef"), SITES, st.sampled_from(AlertState)), max_size=6, unique_by=lambda one: one[0]
)


@given(ALERTS, st.sets(st.sampled_from("abcdef")))
def test_an_inhibit_rule_hushes_what_an_open_source_of_the_same_labels_explains_and_nothing_else(
    made: list[tuple[str, dict[str, str], AlertState]], gone: set[str]
) -> None:
    alerts = {name: alert(name, state, **labels) for name, labels, state in made}
    sources = Sources((RULE,))
    for each in alerts.values():
        sources.add(each)
    for each in [one for name, one in alerts.items() if name in gone]:
        sources.discard(each)
        del alerts[each.fingerprint]

    def explains(source: Alert, target: Alert) -> bool:
        """Say it as a person would: same site, open, and neither the same alert nor one of the same rank."""
        is_source, is_target = "kind" in source.labels, "kind" not in target.labels
        same = source.labels.get("site") is not None and source.labels.get("site") == target.labels.get("site")
        return is_source and is_target and same and source.state.open

    for target in alerts.values():
        case = Case(
            alert=target,
            route=ROUTE,
            now=START,
            inhibit=(RULE,),
            sources=lambda rule, of: [alerts[one] for one in sources.like(rule, of)],
        )
        assert (inhibited(case) is not None) is any(explains(one, target) for one in alerts.values())


# ── The rate ──────────────────────────────────────────────────────────────────────────────────────────────────────────

SPEC = st.builds(
    ChannelSpec,
    name=st.just("chat"),
    kind=st.just("log"),
    rate_limit=st.integers(1, 5),
    rate_period=st.sampled_from([1.0, 60.0, 600.0]),
)
PAUSES = st.lists(st.sampled_from([0.0, 0.1, 0.999, 1.0, 10.0, 59.0, 60.0, 599.9, 700.0]), max_size=40)


@given(SPEC, PAUSES, st.integers(0, 40), st.sampled_from([-7200.0, 0.0, 3600.0]))
def test_in_no_stretch_of_the_period_are_more_made_than_the_limit_and_nothing_waits_that_need_not(
    spec: ChannelSpec, pauses: list[float], shift_at: int, jump: float
) -> None:
    rate, now = Rate(), START
    made: list[datetime] = []
    for place, pause in enumerate(pauses):
        now += seconds(pause)
        if place == shift_at:
            rate.shift(seconds(jump))
            now += seconds(jump)
            made = [at + seconds(jump) for at in made]
        recent = sum(at > now - seconds(spec.rate_period) for at in made)
        assert rate.left(spec, now) == spec.rate_limit - recent
        if rate.left(spec, now):
            rate.spend(now)
            made.append(now)
    for at in made:
        assert sum(at <= one < at + seconds(spec.rate_period) for one in made) <= spec.rate_limit


@given(SPEC, PAUSES)
def test_when_none_may_be_made_now_the_rate_knows_when_the_next_one_may(spec: ChannelSpec, pauses: list[float]) -> None:
    rate, now = Rate(), START
    for pause in pauses:
        now += seconds(pause)
        if rate.left(spec, now):
            rate.spend(now)
            continue
        again = rate.again(spec)
        assert again is not None
        assert again > now
        assert Rate(rate._made).left(spec, again - timedelta(microseconds=1)) == 0
        assert Rate(rate._made).left(spec, again) >= 1


def test_a_limit_that_a_new_config_lowered_is_kept_at_once() -> None:
    rate = Rate(START + seconds(each) for each in range(10))
    spec = ChannelSpec(name="chat", kind="log", rate_limit=2, rate_period=60)
    now = START + seconds(10)
    assert rate.left(spec, now) == 0
    again = rate.again(spec)
    assert again == START + seconds(8 + 60)
    assert rate.left(spec, again) == 1
