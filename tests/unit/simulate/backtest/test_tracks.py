"""From the rows of a ledger to bad spells, and what Salus did in them."""

from __future__ import annotations

import pytest

from salus.model import EventKind, Metric, Outcome, RefusalReason, Status
from salus.simulate.backtest.spells import End
from tests.unit.simulate.backtest.story import BAD, GOOD, UNKNOWN, Story, instant, step

TWO = """
    salus: {store: memory}
    services:
      db: {process: {command: [/bin/db]}}
      web: {process: {command: [/bin/web]}}
    checks:
      db: {tcp: {port: 1}, service: db}
      web: {tcp: {port: 2}, service: web, depends_on: [db]}
      page: {tcp: {port: 3}, service: web}
      new: {tcp: {port: 4}}
    rules:
      db: {actions: [restart_service]}
      web: {actions: [restart_service]}
"""


def test_a_spell_lasts_from_the_first_bad_look_to_the_next_good_one() -> None:
    story = Story(until=100).looks("web", (0, GOOD), (20, BAD), (25, Status.DEGRADED), (30, GOOD), (50, BAD))
    first, second = story.spells()
    assert (first.began, first.ended, first.end, first.worst) == (20, 30, End.PASSED, BAD)
    assert first.message == "it is unhealthy"
    assert first.after is not None
    assert first.after.status is GOOD
    assert (second.began, second.ended, second.end) == (50, 100, End.OPEN)


def test_a_look_that_could_not_tell_neither_begins_nor_ends_a_spell() -> None:
    story = Story(until=100).looks("web", (0, GOOD), (10, UNKNOWN), (20, BAD), (30, UNKNOWN), (40, GOOD))
    (spell,) = story.spells()
    assert (spell.began, spell.ended) == (20, 40)


def test_a_spell_that_moved_no_verdict_is_known_as_such() -> None:
    story = Story(until=100).looks("web", (0, GOOD), (20, BAD), (22, GOOD), moved=False)
    story.looks("web", (50, BAD), (60, GOOD))
    assert [spell.turned for spell in story.spells()] == [False, True]


def test_a_recovery_that_was_verified_healed_the_spell_and_its_run_says_how() -> None:
    story = Story(until=100).looks("web", (0, GOOD), (20, BAD), (23, GOOD))
    story.recovery("web", 21, step("log", 21, verified=False), step("restart_service", 21.2, took=1.0), ended=23.1)
    (spell,) = story.spells()
    assert spell.end is End.HEALED
    assert [(run.kind, run.began, run.took, run.healed) for run in spell.runs] == [
        ("log", 21, 0.5, False),
        ("restart_service", pytest.approx(21.2), 1.0, True),
    ]
    assert spell.runs[-1].over == pytest.approx(23.1)


def test_what_only_recorded_is_no_run() -> None:
    story = Story(until=100).looks("web", (0, GOOD), (20, BAD), (23, GOOD))
    story.recovery("web", 21, step("log", 21, verified=None), ended=21.5)
    assert story.spells()[0].runs == []


def test_a_recovery_that_was_called_off_heals_nothing() -> None:
    story = Story(until=100).looks("web", (0, GOOD), (20, BAD), (23, GOOD))
    story.recovery("web", 21, ended=23.1, outcome=Outcome.CANCELLED, needless=True)
    (spell,) = story.spells()
    assert spell.end is End.PASSED
    assert len(spell.recoveries) == 1


def test_what_a_person_had_healed_is_no_deed_of_the_rules_and_still_known_to_help() -> None:
    story = Story(until=100).looks("web", (0, GOOD), (20, BAD), (23, GOOD))
    story.recovery("web", 21, step("restart_service", 21), ended=23, manual=True)
    (spell,) = story.spells()
    assert spell.end is End.PASSED
    assert spell.cured


def test_a_recovery_heals_every_check_on_its_target() -> None:
    story = Story(until=100)
    story.looks("web", (0, GOOD), (20, BAD), (23, GOOD)).looks("page", (0, GOOD), (20.5, BAD), (24, GOOD))
    story.recovery("web", 21, step("restart_service", 21), ended=23)
    (page,) = story.spells("page", TWO)
    assert page.end is End.HEALED
    assert page.recoveries == story.spells("web", TWO)[0].recoveries


def test_a_check_that_stays_bad_was_not_healed_with_another_one_on_its_target() -> None:
    story = Story(until=100)
    story.looks("web", (0, GOOD), (20, BAD), (23, GOOD)).looks("page", (0, GOOD), (20.5, BAD), (70, GOOD))
    story.recovery("web", 21, step("restart_service", 21), ended=23)
    (page,) = story.spells("page", TWO)
    assert page.end is End.PASSED
    assert [run.healed for run in page.runs] == [False]


def test_what_was_well_soon_after_what_it_depends_on_was_healed_had_followed_it() -> None:
    story = Story(until=200)
    story.looks("db", (0, GOOD), (20, BAD), (30, GOOD)).looks("web", (0, GOOD), (25, BAD), (32, GOOD))
    story.recovery("db", 21, step("restart_service", 21), ended=30)
    (web,) = story.spells("web", TWO)
    assert web.end is End.FOLLOWED
    assert web.root is not None
    assert web.root.check == "db"
    later = Story(until=200)
    later.looks("db", (0, GOOD), (20, BAD), (30, GOOD)).looks("web", (0, GOOD), (25, BAD), (100, GOOD))
    later.recovery("db", 21, step("restart_service", 21), ended=30)
    assert later.spells("web", TWO)[0].end is End.PASSED


def test_where_no_salus_watched_nothing_is_known_and_a_spell_is_cut_off() -> None:
    story = Story(until=200).looks("web", (0, GOOD), (20, BAD), (90, BAD), (100, GOOD)).lives((0, 40), (80, 200))
    first, second = story.spells()
    assert (first.ended, first.end) == (40, End.UNWATCHED)
    assert (second.began, second.end) == (90, End.PASSED)
    track = story.history().tracks["web"]
    assert track.unwatched == 50
    assert [(at, look.status if look else None) for at, look in track.steps] == [
        (0, GOOD),
        (20, BAD),
        (40, None),
        (90, BAD),
        (100, GOOD),
    ]
    assert story.history().births == [80]


def test_nothing_is_known_after_the_last_salus_had_stopped() -> None:
    story = Story(until=100).looks("web", (0, GOOD), (90, BAD)).lives((0, 95))
    assert story.spells()[0].end is End.UNWATCHED


def test_a_silence_much_longer_than_usual_is_not_health() -> None:
    story = Story(until=8000).looks("web", (0, GOOD)).silence("web", 3000, 6000)
    (first, none, again) = story.history().tracks["web"].steps
    assert (first.at, none, again.at) == (0, (3150, None), 6000)
    assert story.notes() == ["nobody looked for 35.6% of the time (at web longest: 47m30s); what was then is not known"]


def test_a_check_that_is_looked_at_seldom_is_not_silent() -> None:
    story = Story(until=8000).looks("web", (0, GOOD))
    for began in range(0, 8000, 1000):
        story.silence("web", began, began + 1000)
    assert len(story.history().tracks["web"].steps) == 1


def test_a_ledger_of_simulated_time_keeps_changes_only_and_is_never_silent() -> None:
    story = Story(until=8000, agent=False).looks("web", (0, GOOD)).silence("web", 3000, 6000)
    assert len(story.history().tracks["web"].steps) == 1


def test_before_looks_were_kept_the_verdicts_are_known_and_the_first_bad_look_that_a_recovery_names() -> None:
    story = Story(until=1000).looks("web", (900, GOOD))
    story.event(100, EventKind.STATUS_CHANGED, check="web", old="unknown", new="healthy")
    story.event(202, EventKind.STATUS_CHANGED, check="web", old="healthy", new="unhealthy", message="got 500")
    story.event(210, EventKind.STATUS_CHANGED, check="web", old="unhealthy", new="healthy")
    story.recovery("web", 202, step("restart_service", 202), ended=210, failing_since=instant(200))
    (spell,) = story.spells()
    assert (spell.began, spell.ended, spell.end, spell.message) == (200, 210, End.HEALED, "got 500")
    assert any("only verdicts are kept until" in note for note in story.notes())


def test_a_verdict_outlives_a_restart_of_salus_and_a_look_does_not() -> None:
    story = Story(until=1000).looks("web", (900, GOOD)).lives((0, 300), (400, 1000))
    story.event(100, EventKind.STATUS_CHANGED, check="web", old="unknown", new="healthy")
    steps = story.history().tracks["web"].steps
    assert [(at, look.status if look else None) for at, look in steps] == [(100, GOOD), (300, None), (400, GOOD)]


def test_what_was_said_before_the_stretch_holds_at_its_beginning() -> None:
    story = Story(until=100).looks("web", (-50, BAD), (20, GOOD))
    (spell,) = story.spells()
    assert (spell.began, spell.ended, spell.turned) == (0, 20, True)


def test_a_rule_that_acted_on_a_condition_makes_a_spell_that_no_look_showed() -> None:
    story = Story(until=500).measures("web", (0, 1), (60, 5), (120, 9), (125, 1), (200, 1))
    story.recovery("web", 121, step("restart_service", 121, verified=False), ended=122)
    story.recovery("web", 123, step("restart_service", 123, took=1), ended=124.5)
    (spell,) = story.spells()
    assert spell.on_condition
    assert (spell.began, spell.ended, spell.end) == (0, 125, End.HEALED)
    assert [run.healed for run in spell.runs] == [False, True]
    assert spell.after is not None
    assert spell.after.metrics == {"size": Metric(1)}


def test_what_a_person_asked_for_while_all_was_well_is_no_spell() -> None:
    story = Story(until=500).measures("web", (0, 1), (60, 5))
    story.recovery("web", 121, step("restart_service", 121), ended=122, manual=True)
    assert story.spells() == []


def test_refusals_belong_to_the_spell_in_which_they_were_said() -> None:
    story = Story(until=100).looks("web", (0, GOOD), (20, BAD), (30, GOOD), (60, BAD), (70, GOOD))
    story.refused("web", 21, RefusalReason.COOLING_DOWN).refused("web", 61, RefusalReason.STORM_BRAKE)
    assert [dict(spell.refusals) for spell in story.spells()] == [{"cooling_down": 1}, {"storm_brake": 1}]


def test_checks_that_are_new_or_gone_are_told() -> None:
    story = Story(until=100).looks("web", (0, GOOD), (10, BAD), (20, GOOD)).looks("old", (0, GOOD), (30, BAD))
    story.recovery("old", 31, step("restart_service", 31), ended=33).looks("salus", (0, GOOD))
    history = story.history(TWO)
    assert history.unknown == ["db", "page", "new"]
    assert history.gone == {"old": (1, 1)}
    assert story.notes(TWO)[-2:] == [
        "no history, so nothing is said of them: db, page, new",
        "not in this config, so left out: old (1 bad, 1 recovery)",
    ]
