"""An alert of somebody else is the alarm, and the silence of its sender is not health."""

from __future__ import annotations

from dataclasses import replace

import pytest

from salus.app.build import resolve
from salus.checks.alert import AlertCheck
from salus.config import loads
from salus.engine.received import ReceivedBox
from salus.errors import ConfigError
from salus.matchers import parse_matchers
from salus.model import Observation, Status
from salus.ports import ReceivedAlert
from salus.units import Duration
from tests.looks import look_from, site
from tests.received import alert, at

CHECK = AlertCheck(match='alertname="HighLatency"')
WATCHED = AlertCheck(match='alertname="HighLatency"', watchdog="alertname=Watchdog", stale_after=Duration(120))


async def seen(check: AlertCheck, seconds: float, *alerts: ReceivedAlert) -> Observation:
    """Look at a box that was told of these alerts, one after the other."""
    box = ReceivedBox()
    for each in alerts:
        box.take([each], each.source, each.updated_at)
    return await check.look(look_from(replace(site(), received=box), at=at(seconds)))


async def test_it_is_healthy_while_no_such_alert_fires_and_says_when_anybody_was_heard() -> None:
    observation = await seen(CHECK, 12, alert("DiskFull"))
    assert (observation.status, observation.message) == (
        Status.HEALTHY,
        "no such alert fires; last heard 12 s ago",
    )
    assert observation.metrics["firing"].value == 0


async def test_it_is_healthy_before_anything_was_heard_and_says_so() -> None:
    observation = await CHECK.look(look_from(site(), at=at(0)))
    assert (observation.status, observation.message) == (
        Status.HEALTHY,
        "no such alert fires; nothing was heard from anybody since Salus began",
    )


async def test_a_firing_alert_is_unhealthy_and_says_what_its_sender_says() -> None:
    told = replace(
        alert(service="web"), annotations={"summary": "p99 is 2.3 s\nsince the deploy"}, url="http://prometheus/graph"
    )
    observation = await seen(CHECK, 90, told)
    assert (observation.status, observation.message) == (
        Status.UNHEALTHY,
        "HighLatency: p99 is 2.3 s (for 1m30s)",
    )
    assert observation.metrics["firing"].value == 1
    assert observation.metadata["alerts"] == [
        {
            "labels": {"alertname": "HighLatency", "service": "web"},
            "summary": "HighLatency: p99 is 2.3 s",
            "since": "2025-06-01T12:00:00+00:00",
            "url": "http://prometheus/graph",
        }
    ]


async def test_an_alert_without_words_is_told_by_its_labels_and_others_are_counted() -> None:
    observation = await seen(CHECK, 5, alert(service="a"), alert(service="b", when=1), alert("DiskFull", when=2))
    assert observation.message == "HighLatency: service=b (for 4 s, and 1 more)"
    assert observation.metrics["firing"].value == 2


async def test_what_is_told_of_many_alerts_is_bounded() -> None:
    observation = await seen(CHECK, 5, *(alert(pod=str(number)) for number in range(50)))
    assert observation.metrics["firing"].value == 50
    assert len(observation.metadata["alerts"]) == 5  # type: ignore[arg-type]
    labels = {f"l{number:02}": "v" * 1000 for number in range(60)}
    large = await seen(CHECK, 5, replace(alert(), labels={"alertname": "HighLatency", **labels}))
    assert len(str(large.metadata)) < 6000
    assert len(large.message) <= 520


async def test_alerts_that_mean_less_are_degraded_and_others_beside_them_are_not() -> None:
    check = AlertCheck(match="alertname=HighLatency", degraded_match='severity="warning"')
    warning, page = alert(severity="warning", when=1), alert(severity="page")
    assert (await seen(check, 2, warning)).status is Status.DEGRADED
    both = await seen(check, 2, warning, page)
    assert both.status is Status.UNHEALTHY
    assert both.message == "HighLatency: severity=page (for 2 s, and 1 more)"


async def test_an_alert_that_has_ended_is_healthy_and_remembered_for_people() -> None:
    observation = await seen(CHECK, 70, alert(), alert(when=60, lasts=0))
    assert (observation.status, observation.message) == (
        Status.HEALTHY,
        "no such alert fires; last heard 10 s ago, HighLatency ended 10 s ago",
    )


async def test_an_alert_whose_sender_fell_silent_is_neither_firing_nor_well() -> None:
    observation = await seen(CHECK, 300, alert())
    assert (observation.status, observation.message) == (
        Status.UNKNOWN,
        "HighLatency fired when it was last heard of, 5m ago, and nobody said that it has ended",
    )


async def test_without_a_sign_of_the_watchdog_nothing_can_be_told() -> None:
    assert (await seen(WATCHED, 1)).status is Status.UNKNOWN
    assert (await seen(WATCHED, 1, alert())).status is Status.UNKNOWN
    ended = await seen(WATCHED, 61, alert("Watchdog"), alert("Watchdog", 60, 0))
    assert (ended.status, ended.message) == (
        Status.UNKNOWN,
        'the watchdog alertname="Watchdog" does not fire: whether anything else does, nobody can tell',
    )


async def test_a_watchdog_that_falls_silent_makes_the_check_unknown_whatever_fired() -> None:
    assert (await seen(WATCHED, 120, alert("Watchdog"))).status is Status.HEALTHY
    silent = await seen(WATCHED, 121, alert("Watchdog"), alert())
    assert (silent.status, silent.message) == (
        Status.UNKNOWN,
        "the watchdog was heard 2m1s ago, expected every 2m: the sender is silent",
    )


async def test_while_the_watchdog_barks_an_alert_is_what_it_is() -> None:
    assert (await seen(WATCHED, 5, alert("Watchdog"), alert())).status is Status.UNHEALTHY


def test_it_listens_to_its_alerts_and_its_watchdog() -> None:
    assert CHECK.listens_to == (parse_matchers('alertname="HighLatency"'),)
    assert WATCHED.listens_to == (parse_matchers("alertname=HighLatency"), parse_matchers("alertname=Watchdog"))


def test_a_config_may_write_matchers_bare_as_text_or_as_a_list() -> None:
    settings = loads(
        """
checks:
  bare: {alert: 'alertname="A"'}
  text: {alert: {match: 'alertname="A", service=~"web.*"'}}
  list: {alert: {match: ['alertname="A"', 'service=~"web.*"'], watchdog: alertname=Watchdog, stale_after: 3m}}
""",
        environ={},
    )
    listeners = resolve(settings).alert_listeners()
    assert listeners["bare"] == (parse_matchers("alertname=A"),)
    assert listeners["list"][0] == listeners["text"][0] == parse_matchers('alertname="A", service=~"web.*"')


@pytest.mark.parametrize(
    "written, said",
    [
        ("{match: alertname}", "checks.a.alert.match: expected =, !=, =~ or !~ after 'alertname'"),
        ("{match: []}", "checks.a.alert.match: no matcher is given"),
        ("{match: 'a=b', degraded_match: 'b=~\"(\"'}", "checks.a.alert.degraded_match: '(' is no regular expression"),
        ("{match: 'a=b', watchdog: '='}", "checks.a.alert.watchdog: expected a label"),
        ("{match: 'a=b', stale_after: 0}", "checks.a.alert.stale_after: must be more than zero"),
        ("{}", "the key 'match' is missing"),
    ],
)
def test_matchers_that_are_none_are_refused_with_their_place(written: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(loads(f"checks:\n  a: {{alert: {written}}}\n", environ={}))
    assert said in str(caught.value)
