"""What is told, to whom and when: one story each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from salus.matchers import parse_matchers
from salus.model import ChannelSpec, RouteSpec, TimeInterval, TimeRange
from tests.unit.alerts.scene import CHANNELS, SETTINGS, Scene

DISK = (RouteSpec(channels=("chat",), group_wait=10, group_interval=60, repeat_interval=600),)


def scene(*routes: RouteSpec) -> Scene:
    return Scene(settings=replace(SETTINGS, routes=routes or DISK))


def test_an_alert_is_told_once_and_resolved_once() -> None:
    told = scene()
    told.sees("down", "disk", holds=True)
    assert told.heard("chat") == []
    told.pass_time(10)
    for _ in range(5):
        told.sees("down", "disk", holds=True)
        told.pass_time(20)
    told.sees("down", "disk", holds=False)
    told.pass_time(60)
    assert told.heard("chat") == ["firing: down disk firing", "resolved: down disk resolved"]
    assert told.told[0].key == told.told[1].key
    assert told.desk.alerts == {}


def test_a_trouble_that_ends_while_it_is_pending_is_nobodys_business() -> None:
    told = scene()
    told.sees("slow", "disk", holds=True)
    told.pass_time(29)
    told.sees("slow", "disk", holds=False)
    told.pass_time(600)
    assert told.told == []
    assert told.rows == {}


def test_a_look_that_cannot_tell_neither_raises_nor_ends_an_alert() -> None:
    told = scene()
    told.sees("down", "disk", holds=None)
    told.sees("down", "disk", holds=True)
    told.pass_time(30)
    told.sees("down", "disk", holds=None)
    told.pass_time(60)
    assert told.heard("chat") == ["firing: down disk firing"]


def test_alerts_of_one_group_share_a_notification() -> None:
    told = scene(RouteSpec(channels=("chat",), group_by=("alertname",), group_wait=10))
    told.sees("down", "disk", holds=True)
    told.pass_time(5)
    told.sees("down", "db", holds=True)
    told.pass_time(60)
    assert told.heard("chat") == ["firing: down db firing, down disk firing"]


def test_news_of_a_group_that_was_told_waits_for_the_group_interval() -> None:
    told = scene(RouteSpec(channels=("chat",), group_by=("alertname",), group_wait=10, group_interval=300))
    told.sees("down", "disk", holds=True)
    told.pass_time(20)
    told.sees("down", "db", holds=True)
    told.pass_time(289)
    assert len(told.told) == 1
    told.pass_time(1)
    assert told.heard("chat")[1:] == ["firing: down db firing"]
    assert [alert.check for alert in told.told[1].alerts] == ["db", "disk"]


def test_what_still_fires_is_told_again_after_the_repeat_interval_unless_it_is_acknowledged() -> None:
    told = scene()
    told.sees("down", "disk", holds=True)
    told.pass_time(1300)
    assert told.heard("chat") == [
        "firing: down disk firing",
        "reminder: down disk firing",
        "reminder: down disk firing",
    ]
    told.acknowledge("down", "disk")
    told.pass_time(5000)
    assert told.heard("chat")[3:] == ["acknowledged: down disk acknowledged"]


def test_what_nobody_acknowledges_is_escalated_and_resolved_there_too() -> None:
    told = Scene()
    told.sees("down", "db", holds=True)
    told.pass_time(299)
    assert told.heard("boss") == []
    told.pass_time(1)
    told.sees("down", "db", holds=False)
    told.pass_time(60)
    assert told.heard("boss") == ["escalated: down db firing", "resolved: down db resolved"]


def test_what_somebody_acknowledged_is_not_escalated() -> None:
    told = Scene()
    told.sees("down", "db", holds=True)
    told.pass_time(200)
    told.acknowledge("down", "db")
    told.pass_time(1000)
    assert told.heard("boss") == []


def test_a_silence_keeps_an_alert_quiet_and_never_its_resolution() -> None:
    told = scene()
    told.sees("down", "disk", holds=True)
    told.pass_time(10)
    told.silence('check="disk"', 3600)
    told.pass_time(1800)
    told.sees("down", "disk", holds=False)
    told.pass_time(60)
    assert told.heard("chat") == ["firing: down disk firing", "resolved: down disk resolved"]


def test_what_began_and_ended_under_a_silence_is_never_told() -> None:
    told = scene()
    told.silence('check="disk"', 3600)
    told.sees("down", "disk", holds=True)
    told.pass_time(600)
    told.sees("down", "disk", holds=False)
    told.pass_time(7200)
    assert told.told == []


def test_what_still_fires_when_a_silence_ends_is_told_then() -> None:
    told = scene()
    told.silence('check="disk"', 600)
    told.sees("down", "disk", holds=True)
    told.pass_time(599)
    assert told.told == []
    told.pass_time(20)
    assert told.heard("chat") == ["firing: down disk firing"]
    early = scene()
    early.sees("down", "disk", holds=True)
    silence = early.silence('check="disk"', 6000)
    early.pass_time(100)
    early.expire(silence.id)
    early.pass_time(20)
    assert early.heard("chat") == ["firing: down disk firing"]


def test_maintenance_keeps_its_checks_quiet() -> None:
    told = scene()
    told.world.maintained.add("disk")
    told.sees("down", "disk", holds=True)
    told.pass_time(100)
    assert told.told == []
    told.world.maintained.clear()
    told.desk.reconsider(told.now)
    told.pass_time(20)
    assert told.heard("chat") == ["firing: down disk firing"]


def test_the_root_is_told_and_its_leaves_are_not() -> None:
    told = scene()
    for check in ("web", "api", "db"):
        told.sees("down", check, holds=True)
    told.pass_time(60)
    assert told.heard("chat") == ["firing: down db firing"]
    told.sees("down", "db", holds=False)
    told.sees("down", "api", holds=False)
    told.pass_time(60)
    assert told.heard("chat")[1:] == ["resolved: down db resolved", "firing: down web firing"]


def test_a_root_that_is_alerted_after_its_leaf_was_told_does_not_swallow_the_leafs_resolution() -> None:
    told = scene()
    told.sees("down", "web", holds=True)
    told.pass_time(30)
    told.sees("down", "db", holds=True)
    told.pass_time(30)
    told.sees("down", "web", holds=False)
    told.pass_time(30)
    assert "resolved: down web resolved" in told.heard("chat")


def test_a_milder_alert_about_a_root_does_not_keep_a_graver_one_quiet() -> None:
    told = scene()
    told.sees("slow", "db", holds=True)
    told.pass_time(60)
    told.sees("down", "web", holds=True)
    told.pass_time(60)
    assert told.heard("chat") == ["firing: slow db firing", "firing: down web firing"]


def test_an_inhibit_rule_keeps_its_target_quiet_where_the_equal_labels_are_the_same() -> None:
    told = scene()
    told.sees("down", "disk", holds=True)
    told.sees("slow", "disk", holds=True)
    told.sees("slow", "db", holds=True)
    told.pass_time(120)
    assert told.heard("chat") == ["firing: down disk firing", "firing: slow db firing"]
    told.sees("down", "disk", holds=False)
    told.pass_time(60)
    assert told.heard("chat")[2:] == ["firing: slow disk firing, down disk resolved"]


def test_a_route_is_mute_during_its_interval_and_tells_when_that_ends() -> None:
    night = TimeInterval(name="night", ranges=(TimeRange(times=((12 * 60, 13 * 60),)),))
    told = Scene(
        settings=replace(
            SETTINGS, intervals={"night": night}, routes=(RouteSpec(channels=("chat",), mute_during=("night",)),)
        )
    )
    told.sees("down", "disk", holds=True)
    told.pass_time(3599)
    assert told.told == []
    told.pass_time(20)
    assert told.heard("chat") == ["firing: down disk firing"]


def test_a_route_that_is_active_at_certain_times_is_mute_at_others() -> None:
    noon = TimeInterval(name="noon", ranges=(TimeRange(times=((12 * 60, 12 * 60 + 1),)),), time_zone="Europe/Berlin")
    told = Scene(
        settings=replace(
            SETTINGS, intervals={"noon": noon}, routes=(RouteSpec(channels=("chat",), active_during=("noon",)),)
        )
    )
    told.sees("down", "disk", holds=True)
    told.pass_time(22 * 3600)  # it is 13:00 in Berlin at the start
    assert told.told == []
    told.pass_time(3600 + 20)
    assert told.heard("chat") == ["firing: down disk firing"]


def test_what_comes_back_within_its_cooldown_is_told_when_that_is_over() -> None:
    told = scene()
    told.sees("slow", "disk", holds=True)
    told.pass_time(45)
    told.sees("slow", "disk", holds=False)
    told.pass_time(15)
    told.sees("slow", "disk", holds=True)
    told.pass_time(50)
    assert told.heard("chat") == ["firing: slow disk firing", "resolved: slow disk resolved"]
    told.pass_time(70)
    assert told.heard("chat")[2:] == ["firing: slow disk firing"]


def test_what_comes_back_before_its_end_was_told_goes_on() -> None:
    told = scene()
    told.sees("down", "disk", holds=True)
    told.pass_time(30)
    told.sees("down", "disk", holds=False)
    told.pass_time(5)
    told.sees("down", "disk", holds=True)
    told.pass_time(60)
    assert told.heard("chat") == ["firing: down disk firing"]
    alert = told.alert("down", "disk")
    assert alert is not None
    assert alert.count == 2


def test_what_flaps_is_told_once_and_resolved_when_it_has_been_quiet() -> None:
    told = scene()
    for _ in range(10):
        told.sees("down", "disk", holds=True)
        told.pass_time(30)
        told.sees("down", "disk", holds=False)
        told.pass_time(30)
    heard = told.heard("chat")
    assert heard[:6] == ["firing: down disk firing", "resolved: down disk resolved"] * 3
    assert heard[6:] == ["flapping: down disk firing"]
    told.pass_time(900)
    assert told.heard("chat")[7:] == ["resolved: down disk resolved"]


def test_what_a_person_resolves_is_told_as_resolved_and_stays_quiet_until_it_ends() -> None:
    told = scene()
    told.sees("down", "disk", holds=True)
    told.pass_time(30)
    told.dismiss("down", "disk")
    told.pass_time(30)
    told.sees("down", "disk", holds=True)
    told.pass_time(3600)
    assert told.heard("chat") == ["firing: down disk firing", "resolved: down disk resolved"]
    told.sees("down", "disk", holds=False)
    told.sees("down", "disk", holds=True)
    told.pass_time(30)
    assert told.heard("chat")[2:] == ["firing: down disk firing"]


def test_more_groups_than_the_rate_allows_share_one_notification() -> None:
    told = scene(RouteSpec(channels=("chat",), group_by=("check", "alertname"), group_wait=0))
    settings = replace(told.settings, inhibit=(), channels={"chat": replace(CHANNELS["chat"], rate_limit=2)})
    told.world.alone = True
    told.configure(settings)
    for check in ("disk", "web", "api", "db"):
        told.sees("slow", check, holds=True)
    told.pass_time(40)
    assert [(note.digest, len(note.fresh)) for note in told.told] == [(False, 1), (True, 3)]
    for check in ("disk", "web", "api", "db"):
        told.sees("slow", check, holds=False)
    told.pass_time(600)
    ends = [note for note in told.told[2:] if note.state.value == "resolved"]
    assert sorted(note.key for note in ends) == sorted({note.key for note in told.told[:2]})
    assert sum(len(note.fresh) for note in ends) == 4


def test_an_alert_whose_route_has_gone_is_still_told_as_resolved() -> None:
    told = scene()
    told.sees("down", "disk", holds=True)
    told.pass_time(30)
    told.with_routes(RouteSpec(match=parse_matchers("check=other"), channels=("chat",)))
    told.sees("down", "disk", holds=False)
    told.pass_time(30)
    assert told.heard("chat") == ["firing: down disk firing", "resolved: down disk resolved"]


@pytest.mark.parametrize("away", [None, replace(CHANNELS["chat"], enabled=False)], ids=["out of the config", "off"])
def test_a_channel_that_is_away_is_told_nothing_new_but_the_end_of_what_it_knows(away: ChannelSpec | None) -> None:
    told = scene()
    told.sees("down", "disk", holds=True)
    told.pass_time(30)
    others = {name: spec for name, spec in CHANNELS.items() if name != "chat"}
    told.configure(replace(told.settings, channels={**others, **({"chat": away} if away else {})}))
    told.sees("down", "db", holds=True)
    told.sees("down", "disk", holds=False)
    told.pass_time(3600 * 5)
    assert told.heard("chat") == ["firing: down disk firing", "resolved: down disk resolved"]
    told.sees("down", "db", holds=False)
    told.pass_time(60)
    assert not told.desk.alerts


def test_a_channel_that_forgets_is_told_again_and_told_of_the_end_for_five_minutes() -> None:
    told = scene(RouteSpec(channels=("machine",)))
    told.sees("down", "disk", holds=True)
    told.pass_time(150)
    assert told.heard("machine") == [
        "firing: down disk firing",
        "refresh: down disk firing",
        "refresh: down disk firing",
    ]
    told.sees("down", "disk", holds=False)
    told.pass_time(3600)
    ends = told.heard("machine")[3:]
    assert ends[0] == "resolved: down disk resolved"
    assert 4 <= ends.count("refresh: down disk resolved") <= 5
    assert told.desk.alerts == {}


def test_the_end_is_told_when_the_recovery_that_brought_it_is_over() -> None:
    told = scene()
    told.sees("down", "disk", holds=True)
    told.pass_time(30)
    told.world.healed.add("disk")
    told.sees("down", "disk", holds=False)
    told.pass_time(30)
    assert len(told.told) == 1
    told.world.healed.clear()
    told.pass_time(30)
    assert told.heard("chat")[1:] == ["resolved: down disk resolved"]


def test_nothing_is_lost_or_told_twice_when_salus_is_started_again() -> None:
    told = scene()
    told.sees("down", "disk", holds=True)
    told.pass_time(30)
    told.restart()
    told.sees("down", "disk", holds=True)
    told.pass_time(60)
    told.restart()
    told.sees("down", "disk", holds=False)
    told.restart()
    told.pass_time(60)
    assert told.heard("chat") == ["firing: down disk firing", "resolved: down disk resolved"]


def test_an_escalation_counts_from_when_somebody_could_have_acknowledged_it() -> None:
    told = Scene()
    told.silence('check="db"', 900)
    told.sees("down", "db", holds=True)
    told.pass_time(1100)
    assert told.heard("boss") == []
    assert told.heard("pager") == ["firing: down db firing"]
    told.pass_time(120)
    assert told.heard("boss") == ["escalated: down db firing"]


def test_what_a_person_ended_by_hand_goes_on_keeping_quiet_what_it_explains() -> None:
    told = scene()
    told.sees("down", "db", holds=True)
    told.sees("down", "web", holds=True)
    told.sees("slow", "db", holds=True)
    told.pass_time(60)
    told.dismiss("down", "db")
    told.pass_time(120)
    assert told.heard("chat") == ["firing: down db firing", "resolved: down db resolved"]
    told.sees("down", "db", holds=False)
    told.pass_time(60)
    assert "firing: down web firing" in told.heard("chat")
