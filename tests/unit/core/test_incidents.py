"""What is one incident, and what are two."""

from __future__ import annotations

from datetime import timedelta

import pytest

from salus.incidents.fold import Incidents
from salus.model import EventKind, Status
from tests.unit.core.incidents import CHECKS, NOW, Story, graph


def test_an_incident_begins_with_a_verdict_and_ends_when_the_check_is_well() -> None:
    story = Story().bad("web", message="connection refused", detected=1.5)
    begun = story.one
    assert begun.title == "web is unhealthy: connection refused"
    assert begun.started_at == NOW
    assert begun.ended_at is None
    assert begun.detected == 1.5
    assert begun.failing == begun.checks == ("web",)
    story.wait(60).well("web")
    assert story.one.title == "web was unhealthy: connection refused"
    assert story.one.ended_at == NOW + timedelta(minutes=1)
    assert not story.one.failing
    assert story.one.services == ("web",)


def test_unknown_neither_begins_nor_ends_an_incident() -> None:
    assert Story().turns("web", Status.UNKNOWN).all == []
    assert Story().bad("web").wait(9).turns("web", Status.UNKNOWN).one.ended_at is None


def test_an_end_without_a_beginning_is_nothing() -> None:
    assert Story().well("web").healed("r1", "web").all == []


def test_the_worst_verdict_counts_and_says_what_was_wrong() -> None:
    story = (
        Story().turns("web", Status.DEGRADED, "slow").bad("web", message="down").turns("web", Status.DEGRADED, "so so")
    )
    assert story.one.status is Status.UNHEALTHY
    assert story.one.title == "web is degraded: down"
    assert story.well("web").one.title == "web was unhealthy: down"
    assert Story().turns("web", Status.DEGRADED).one.status is Status.DEGRADED


@pytest.mark.parametrize(
    "first, second",
    [("db", "web"), ("web", "db"), ("page", "web"), ("db", "page"), ("page", "db"), ("db", "db-disk")],
)
def test_checks_that_hang_together_are_one_incident(first: str, second: str) -> None:
    story = Story().bad(first).wait(5).bad(second)
    assert story.one.checks == (first, second)
    assert story.one.title.startswith("2 checks are failing")
    assert story.wait(5).well(first).one.title.startswith("1 of 2 checks is failing")
    assert story.well(second).one.title.startswith("2 checks failed")


@pytest.mark.parametrize("other", ["mail", "clock", "door"])
def test_checks_that_do_not_hang_together_are_two(other: str) -> None:
    assert [one.checks for one in Story().bad("web").bad(other).all] == [(other,), ("web",)]


def test_the_root_is_what_the_others_depend_on() -> None:
    assert Story().bad("page").one.root == "page"
    assert Story().bad("page", "web").one.root == "web"
    assert Story().bad("page", "web", "db").one.root == "db"
    assert Story().bad("db", "db-disk").one.root == "db"


def test_a_check_that_is_back_within_five_minutes_reopens_its_incident() -> None:
    story = Story().bad("web").wait(60).well("web").wait(300).bad("web")
    assert story.one.ended_at is None
    story.well("web").wait(301).bad("web")
    assert [one.ended_at is None for one in story.all] == [True, False]


def test_what_hangs_on_something_that_was_just_healed_belongs_to_it() -> None:
    assert Story().bad("db").wait(60).well("db").wait(200).bad("web").one.checks == ("db", "web")


def test_what_hangs_on_a_part_that_is_well_for_long_is_another_incident() -> None:
    story = Story().bad("page").heals("r1", "page", "service:mail").bad("mail").healed("r1", "page")
    assert story.well("page").one.failing == ("mail",)
    assert [one.checks for one in story.wait(3600).bad("web").all] == [("web",), ("page", "mail")]
    assert story.bad("page").one.checks == ("page", "mail", "web")  # now it hangs together


def test_two_incidents_that_turn_out_to_be_one_keep_the_older_id() -> None:
    story = Story().bad("page").wait(5).bad("mail")
    older, younger = story.all[1].id, story.all[0].id
    story.tell(EventKind.RECOVERY_STARTED, check="page", recovery="r1", data={"targets": ["service:mail"]})
    assert story.one.id == older
    assert story.one.checks == ("page", "mail")
    found = story.incidents.find(younger)
    assert found is not None
    assert found.id == older


def test_what_a_recovery_touches_belongs_to_its_incident() -> None:
    story = Story().bad("page").heals("r1", "page", "check:page", "service:mail").wait(2).bad("mail")
    assert story.one.checks == ("page", "mail")
    assert story.one.services == ("mail",)
    assert story.one.recoveries == ("r1",)
    assert story.one.outcome is None
    assert story.healed("r1", "page").one.outcome == "recovered"


def test_the_outcome_is_that_of_the_last_recovery() -> None:
    story = Story().bad("web").heals("r1", "web").healed("r1", "web", "failed").wait(9).heals("r2", "web")
    assert story.one.recoveries == ("r1", "r2")
    assert story.one.outcome is None
    assert story.well("web").healed("r2", "web").one.outcome == "recovered"


def test_a_recovery_that_began_before_the_verdict_belongs_to_the_incident() -> None:
    assert Story().heals("r1", "web").wait(2).bad("web").healed("r1", "web").one.outcome == "recovered"
    assert Story().heals("r1", "web").healed("r1", "web").wait(2).bad("web").one.outcome == "recovered"
    assert Story().heals("r1", "web").healed("r1", "web").wait(301).bad("web").one.recoveries == ()


def test_a_recovery_that_died_with_its_salus_was_interrupted() -> None:
    story = Story().bad("web").heals("r1", "web").wait(9).tell(EventKind.AGENT_STARTED)
    assert story.one.outcome == "interrupted"
    assert Story().bad("web").healed("r0", "web", "interrupted").one.recoveries == ("r0",)


def test_the_checks_of_a_storm_make_one_incident() -> None:
    story = Story().bad("mail", "clock").tell(EventKind.STORM_STARTED, reason="all").bad("door").wait(20).bad("web")
    assert story.one.checks == ("mail", "clock", "door", "web")
    story = Story().bad("page", "mail").tell(EventKind.STORM_STARTED, reason="tag:shop").bad("clock", "door")
    assert [one.checks for one in story.all] == [("door",), ("mail",), ("page", "clock")]


def test_what_was_bad_long_before_a_storm_is_no_part_of_it() -> None:
    story = Story().bad("mail").wait(3600).bad("clock", "door").tell(EventKind.STORM_STARTED, reason="all")
    assert [one.checks for one in story.all] == [("clock", "door"), ("mail",)]


def test_after_a_storm_each_is_on_its_own_again() -> None:
    story = Story().bad("mail", "clock").tell(EventKind.STORM_STARTED, reason="all").well("mail", "clock")
    story.tell(EventKind.STORM_ENDED, reason="all").wait(301).bad("mail", "clock")
    assert [one.checks for one in story.all] == [("clock",), ("mail",), ("mail", "clock")]


def test_a_storm_of_which_no_end_was_told_ends_with_its_incident() -> None:
    story = Story().bad("mail", "clock").tell(EventKind.STORM_STARTED, reason="all").well("mail", "clock")
    story.wait(301).bad("mail", "clock")
    assert len(story.all) == 3


def test_a_storm_may_be_told_before_its_checks_turn_bad() -> None:
    assert Story().tell(EventKind.STORM_STARTED, reason="all").bad("mail", "clock").one.checks == ("mail", "clock")


def test_a_check_that_is_paused_or_gone_ends() -> None:
    assert Story().bad("web").wait(9).tell(EventKind.CHECK_PAUSED, check="web").one.ended_at is not None
    assert Story().bad("web").tell(EventKind.PAUSED).one.ended_at is None
    gone = Story().bad("web", "page").tell(EventKind.CONFIG_RELOADED, data={"removed": ["web"]})
    assert gone.one.failing == ("page",)


def test_a_change_of_the_config_keeps_what_goes_on() -> None:
    story = Story().bad("web")
    story.incidents.rewire(graph(*(spec for spec in CHECKS if spec.name != "web")))
    story.bad("mail").well("web")
    assert [one.failing for one in story.all] == [("mail",), ()]


def test_an_incident_whose_check_was_well_for_long_still_holds_it() -> None:
    story = Story().bad("web", "db").well("web").wait(3600).bad("web")
    assert story.one.failing == ("web", "db")


def test_old_incidents_are_forgotten_and_open_ones_never() -> None:
    story = Story(Incidents(graph(), most=2)).bad("door")
    for _ in range(5):
        story.bad("mail").well("mail").wait(400)
    story.bad("clock")
    assert [one.checks for one in story.all] == [("clock",), ("mail",), ("mail",), ("door",)]


def test_a_word_that_is_no_id_finds_nothing() -> None:
    story = Story().bad("web")
    assert [story.incidents.find(word) for word in ("", "x", "-1", "f" * 17, "ab")] == [None] * 5
