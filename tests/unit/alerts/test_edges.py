"""What happens at one instant, again and again, or in great numbers: nothing is lost, doubled, or kept for ever."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from salus.alerts.book import Book
from salus.alerts.desk import Desk
from salus.alerts.labels import fingerprint, of_check
from salus.alerts.lately import Lately
from salus.alerts.match import Sight
from salus.matchers import parse_matchers
from salus.model import Alert, AlertSettings, AlertState, Level, Notification, Occasion, RouteSpec, Told
from tests.unit.alerts.scene import CHANNELS, CHECKS, RULES, SETTINGS, START, Scene, World

DOWN = RULES["down"]
ONE_GROUP = RouteSpec(channels=("boss",), group_by=(), group_wait=0, group_interval=0, repeat_interval=0)


def many(number: int, state: AlertState = AlertState.FIRING) -> list[Alert]:
    """Return open alerts of as many checks, as one loads them."""
    found = []
    for at in range(number):
        labels = of_check(DOWN, replace(CHECKS["disk"], name=f"disk-{at}"), Level.WARNING, {})
        found.append(
            Alert(
                id=f"a{at}",
                fingerprint=fingerprint(labels),
                labels=labels,
                rule="down",
                level=Level.WARNING,
                state=state,
                check=f"disk-{at}",
                first_seen=START,
                last_seen=START,
                fired_at=START,
            )
        )
    return found


def desk_of(*routes: RouteSpec) -> Desk:
    made = iter(range(1_000_000))
    desk = Desk(World(), lambda: f"n{next(made)}")
    desk.configure(AlertSettings(rules=(DOWN,), channels=CHANNELS, routes=routes), {}, START)
    return desk


def finish(desk: Desk, *, between: bool) -> tuple[list[Notification], list[Alert]]:
    """Take out all that is due; ``between`` the parts something changes that concerns every alert."""
    told: list[Notification] = []
    rows: list[Alert] = []
    for _ in range(100):
        made = desk.due(START + timedelta(seconds=1))
        told += made.notifications
        rows += made.changed
        if between:
            between = False
            desk.reconsider(START)
        due = desk.next_due()
        if due is None or due > START + timedelta(seconds=1):
            break
    return told, rows


def test_what_is_told_to_very_many_at_once_is_told_once_whatever_comes_between() -> None:
    desk = desk_of(ONE_GROUP)
    for alert in many(1200):
        desk.put(alert, START)
    told, rows = finish(desk, between=True)
    assert [len(note.alerts) + note.more for note in told] == [1200]
    assert sum(alert.told["boss"].state is AlertState.FIRING for alert in rows) == 1200
    for alert in list(desk.alerts.values()):
        desk.put(replace(alert, state=AlertState.RESOLVED, resolved_at=START), START)
    told, rows = finish(desk, between=True)
    assert [len(note.alerts) + note.more for note in told] == [1200]
    assert desk.alerts == {}


def test_an_alert_that_was_told_is_not_written_before_its_notification_is() -> None:
    desk = desk_of(ONE_GROUP)
    for alert in many(1200):
        desk.put(alert, START)
    assert desk.due(START) == desk.due(START)  # both are empty: it is marked a part at a time
    for alert in list(desk.alerts.values()):
        desk.put(replace(alert, last_seen=START + timedelta(seconds=1)), START)
        marked = bool(desk.alerts[alert.fingerprint].told)
        assert desk.holds(alert.id) is marked
    told, rows = finish(desk, between=False)
    assert len(told) == 1
    assert not desk.unfinished
    assert len(rows) == 1200
    assert not any(desk.holds(alert.id) for alert in rows)


def test_what_is_seen_again_and_again_takes_no_room() -> None:
    scene = Scene()
    scene.sees("down", "disk", holds=True)
    scene.pass_time(60)
    for _ in range(3000):
        scene.now += timedelta(seconds=1)
        scene.sees("down", "disk", holds=True)
    assert len(scene.desk._groups._heap) + len(scene.desk._again) < 300
    silence = scene.silence("check=disk", 1e6)
    for _ in range(1000):
        scene.now += timedelta(seconds=1)
        scene.desk.reconsider(scene.now)
        scene.settle()
    scene.expire(silence.id)
    assert len(scene.desk._groups._heap) + len(scene.desk._again) < 300


def test_what_comes_and_goes_while_it_is_pending_takes_no_room() -> None:
    scene = Scene(settings=replace(SETTINGS, rules=(replace(DOWN, hold=86400),)))
    for _ in range(4000):
        scene.sees("down", "disk", holds=True)
        scene.sees("down", "disk", holds=False)
        scene.now += timedelta(seconds=1)
    assert len(scene.book._due) < 1500


def test_a_shorter_for_of_a_changed_config_counts_for_what_is_pending_already() -> None:
    scene = Scene(settings=replace(SETTINGS, rules=(replace(DOWN, hold=3600),)))
    scene.sees("down", "disk", holds=True)
    scene.pass_time(60)
    assert scene.heard("chat") == []
    scene.configure(replace(scene.settings, rules=(replace(DOWN, hold=90),)))
    scene.pass_time(60)
    assert scene.heard("chat") == ["firing: down disk firing"]


def sight(check: str, level: Level, *, summary: str) -> Sight:
    labels = of_check(DOWN, CHECKS[check], level, {})
    return Sight(
        rule=DOWN, labels=labels, level=level, holds=True, since=START, summary=summary, detail=summary, check=check
    )


def test_an_alert_that_becomes_graver_is_told_again_and_one_that_becomes_milder_is_not() -> None:
    scene = Scene(settings=replace(SETTINGS, routes=(RouteSpec(channels=("chat",), repeat_interval=0),)))
    scene.keep(scene.book.see(sight("disk", Level.WARNING, summary="disk is degraded"), scene.now))
    scene.pass_time(60)
    scene.keep(scene.book.see(sight("disk", Level.CRITICAL, summary="disk is unhealthy"), scene.now))
    scene.pass_time(120)
    scene.keep(scene.book.see(sight("disk", Level.WARNING, summary="disk is degraded"), scene.now))
    scene.pass_time(120)
    scene.keep(scene.book.see(sight("disk", Level.CRITICAL, summary="disk is unhealthy"), scene.now))
    scene.pass_time(120)
    said = [(note.occasion, note.alerts[0].level, note.alerts[0].summary) for note in scene.told]
    assert said == [
        (Occasion.FIRING, Level.WARNING, "disk is degraded"),
        (Occasion.FIRING, Level.CRITICAL, "disk is unhealthy"),
    ]
    scene.sees("down", "disk", holds=False)
    scene.pass_time(60)
    assert scene.heard("chat")[-1] == "resolved: down disk resolved"


def test_a_graver_alert_that_a_person_has_taken_is_still_news() -> None:
    scene = Scene(settings=replace(SETTINGS, routes=(RouteSpec(channels=("chat",), repeat_interval=0),)))
    scene.keep(scene.book.see(sight("disk", Level.WARNING, summary="disk is degraded"), scene.now))
    scene.pass_time(60)
    scene.acknowledge("down", "disk")
    scene.pass_time(60)
    scene.keep(scene.book.see(sight("disk", Level.CRITICAL, summary="disk is unhealthy"), scene.now))
    scene.pass_time(60)
    assert scene.heard("chat") == [
        "firing: down disk firing",
        "acknowledged: down disk acknowledged",
        "firing: down disk acknowledged",
    ]


def test_nobody_is_called_to_what_flaps_and_is_quiet_at_that_moment() -> None:
    scene = Scene(settings=replace(SETTINGS, flap_threshold=2, flap_window=2400))
    for holds in (True, False, True, False):
        scene.sees("down", "db", holds=holds)
        scene.pass_time(60)
    alert = scene.alert("down", "db")
    assert alert is not None
    assert alert.quiet_since is not None
    scene.pass_time(400)
    assert scene.heard("boss") == []
    scene.sees("down", "db", holds=True)
    scene.settle()
    assert scene.heard("boss") == ["escalated: down db firing"]


def test_a_moment_that_was_kept_quiet_is_not_told_by_the_next_salus() -> None:
    scene = Scene()
    scene.silence("check=disk", 600)
    seen = replace(sight("disk", Level.INFO, summary="disk was healed"), moment=True)
    scene.keep(scene.book.see(seen, scene.now))
    scene.pass_time(1200)
    scene.restart()
    scene.pass_time(1200)
    assert scene.told == []
    assert scene.desk.alerts == {}


def test_a_clock_that_is_set_while_very_many_are_told_keeps_nobody_waiting() -> None:
    desk = desk_of(replace(ONE_GROUP, group_interval=60))
    for alert in many(1200):
        desk.put(alert, START)
    desk.due(START)
    by = timedelta(hours=-2)
    Book(desk, lambda: "a").shift(by, START + by)
    now = START + by + timedelta(seconds=1)
    for _ in range(20):
        desk.due(now)
    assert len(desk.alerts) == 1200
    assert all(_at(one.told.get("boss")) for one in desk.alerts.values())


def _at(told: Told | None) -> bool:
    return told is not None and told.at <= START - timedelta(hours=1)


def test_two_routes_to_one_channel_tell_it_once() -> None:
    routes = (
        RouteSpec(match=parse_matchers("check=disk"), channels=("chat",), go_on=True, repeat_interval=0),
        RouteSpec(channels=("chat",), group_by=("...",), repeat_interval=0),
    )
    scene = Scene(settings=replace(SETTINGS, routes=routes))
    scene.sees("down", "disk", holds=True)
    scene.pass_time(300)
    scene.with_routes(*reversed(routes))
    scene.pass_time(300)
    scene.sees("down", "disk", holds=False)
    scene.pass_time(300)
    assert scene.heard("chat") == ["firing: down disk firing", "resolved: down disk resolved"]
    assert len({note.key for note in scene.told}) == 1


def test_the_firings_of_very_many_are_remembered_in_reasonable_time_and_room() -> None:
    scene = Scene(settings=replace(SETTINGS, routes=()))
    for day in range(2):
        for at in range(45_000):
            scene.book._remember(f"f{day}-{at}", START + timedelta(days=day))
    assert len(scene.book._firings) < 60_000


def test_what_happened_lately_is_remembered_as_long_as_it_matters() -> None:
    lately: Lately[str] = Lately(keep=timedelta(minutes=10), most=10)
    for minute in range(100):
        lately.note(f"at {minute}", START + timedelta(minutes=minute))
        assert len(lately) <= 22
    lately.shift(timedelta(hours=1))
    assert lately.get("at 99") == START + timedelta(minutes=159)
    assert lately.get("at 1") is None
