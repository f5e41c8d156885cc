"""What changed rules would have done: short pasts, replayed in virtual time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from salus.errors import StoreUnreadableError
from salus.model import EventKind, RefusalReason, Status
from salus.simulate.backtest.play import HOLD
from salus.simulate.backtest.score import Change
from tests.unit.simulate.backtest.story import BAD, GOOD, WEB, Story, instant, step, with_rule

EAGER = with_rule("{actions: [restart_service], cooldown_period: 10s}")
PATIENT = with_rule("{actions: [restart_service], min_failure_count: 6, cooldown_period: 10s}")
OFF = with_rule("{actions: [restart_service], enabled: false}")
OTHER = with_rule("{actions: [{run: [/bin/true]}], cooldown_period: 10s, verify_timeout: 1s}")
CHAIN = """
    salus: {store: memory}
    defaults: {interval: 10s, timeout: 2s}
    services:
      db: {process: {command: [/bin/db]}}
      web: {process: {command: [/bin/web]}}
    checks:
      db: {tcp: {port: 1}, service: db}
      web: {tcp: {port: 2}, service: web, depends_on: [db]}
    rules:
      db: {actions: [restart_service], min_failure_count: MANY}
      web: {actions: [restart_service]}
"""


def healed(*, until: float = 600) -> Story:
    """Bad from 20, restarted at 21 at the second bad look, well at 21.6."""
    story = Story(until=until).looks("web", (0, GOOD), (20, BAD), (21.6, GOOD))
    return story.recovery("web", 21, step("restart_service", 21), ended=21.6, failing_since=instant(20))


def healed_at_the_second_try() -> Story:
    """Bad from 20, restarted in vain at 21 until 31, restarted at 41, well at 42."""
    story = Story(until=600).looks("web", (0, GOOD), (20, BAD), (42, GOOD))
    story.recovery("web", 21, step("restart_service", 21, verified=False), ended=31)
    return story.recovery("web", 41, step("restart_service", 41), ended=42)


def passed(*, lasts: float = 5) -> Story:
    return Story(until=600).looks("web", (0, GOOD), (20, BAD), (20 + lasts, GOOD))


# ── The same, sooner, later, not at all ───────────────────────────────────────────────────────────────────────────────


def test_the_same_rules_do_the_same_at_the_same_moment() -> None:
    row = healed().row()
    assert row.change is Change.SAME
    assert row.by == pytest.approx(0, abs=0.01)
    assert (row.now.after, row.now.attempts, row.now.action) == (1.0, 1, "restart_service")
    assert row.now.healed_after == pytest.approx(row.then.healed_after, abs=0.01)


def test_what_acts_later_finds_the_trouble_still_there_and_heals_it() -> None:
    row = healed().row(PATIENT)
    assert row.change is Change.LATER
    assert row.by == pytest.approx(4.0)
    assert row.now.healed_after == pytest.approx(5.6, abs=0.01)


def test_what_acts_sooner_heals_it_sooner() -> None:
    story = Story(until=600).looks("web", (0, GOOD), (20, BAD), (41.6, GOOD))
    found = story.recovery("web", 41, step("restart_service", 41), ended=41.6).row(EAGER)
    assert found.change is Change.SOONER
    assert found.by == pytest.approx(-21.0)
    assert found.now.healed_after == pytest.approx(0.6, abs=0.01)


@pytest.mark.parametrize(
    "config, why", [(OFF, "disabled"), (WEB.split("    rules:")[0], "no_rule")], ids=["switched off", "removed"]
)
def test_a_rule_that_is_off_or_gone_does_nothing(config: str, why: str) -> None:
    row = healed().row(config)
    assert (row.change, row.now.why) == (Change.DROPPED, why)


def test_a_rule_that_only_observes_says_when_it_would_have_acted() -> None:
    row = healed().row(with_rule("{actions: [restart_service], mode: observe}"))
    assert (row.change, row.now.why, row.now.would_act_after) == (Change.DROPPED, "observe_only", 0.0)


def test_a_rule_that_asks_calls_a_person_and_nobody_answers() -> None:
    result = healed().result(with_rule("{actions: [restart_service], mode: approve, min_failure_count: 3}"))
    (row,) = result.rows
    assert (row.now.why, row.now.would_act_after) == ("awaiting_approval", 2.0)
    assert result.now.calls == {"approval_wanted": 1}


def test_a_rule_that_was_not_ready_when_it_was_over_says_which_stage_held_it() -> None:
    row = passed().row(PATIENT)
    assert (row.change, row.now.why) == (Change.NEITHER, "below_threshold")


# ── What nobody had healed ────────────────────────────────────────────────────────────────────────────────────────────


def test_acting_on_what_passed_by_itself_is_needless_and_ends_it_no_sooner() -> None:
    row = passed().row(EAGER)
    assert (row.change, row.now.needless, row.now.healed_after) == (Change.ADDED, True, None)
    assert (row.now.after, row.lasted) == (0.0, 5.0)


def test_what_a_person_healed_through_salus_is_not_needless_to_heal() -> None:
    story = Story(until=600).looks("web", (0, GOOD), (20, BAD), (300, GOOD))
    story.recovery("web", 290, step("restart_service", 290), ended=300, manual=True)
    row = story.row(EAGER)
    assert not row.then.acts
    assert (row.change, row.now.needless) == (Change.ADDED, False)
    assert row.now.healed_after is not None
    assert row.now.healed_after < 11


def test_a_single_bad_look_is_seen_by_a_lower_threshold() -> None:
    story = Story(until=600).looks("web", (0, GOOD), (20, BAD), (21, GOOD), moved=False)
    assert story.result().rows == []
    assert story.row(EAGER).now.needless


# ── What actions do ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_action_that_was_never_tried_is_not_known_to_help() -> None:
    result = healed(until=6000).result(OTHER)
    (row,) = result.rows
    assert (row.change, row.now.untried, row.now.healed_after) == (Change.SAME, True, None)
    assert row.now.gave_up
    assert result.now.untried == 1
    assert result.now.calls == {"exhausted": 1}


def test_an_action_does_not_work_before_it_is_known_to_have() -> None:
    row = healed_at_the_second_try().row(EAGER)
    assert (row.now.after, row.now.attempts) == (0.0, 2)
    assert row.now.healed_after is not None
    assert row.now.healed_after < row.then.healed_after  # type: ignore[operator]  # it was healed


def test_an_action_after_the_ones_that_failed_goes_as_the_one_that_helped() -> None:
    late = with_rule("{actions: [restart_service], min_failure_count: 16}")
    row = healed_at_the_second_try().row(late)
    assert (row.now.after, row.now.attempts) == (15.0, 1)
    assert row.now.healed_after == pytest.approx(16.0, abs=0.01)


def test_an_action_that_failed_by_itself_fails_again() -> None:
    story = Story(until=600).looks("web", (0, GOOD), (20, BAD), (42, GOOD))
    failed = step("restart_service", 21, took=3, verified=False, result="failed")
    story.recovery("web", 21, failed, ended=24).recovery("web", 41, step("restart_service", 41), ended=42)
    replayed = story.replayed()
    first, second = replayed.recoveries.values()
    assert (first.outcome, first.steps[0].message) == ("failed", "restart_service failed")
    assert first.steps[0].duration == 3
    assert second.outcome == "recovered"


def test_a_restart_does_what_a_start_did() -> None:
    story = Story(until=600).looks("web", (0, GOOD), (20, BAD), (21.6, GOOD))
    story.recovery("web", 21, step("start_service", 21), ended=21.6)
    assert story.row().now.healed_after is not None
    back = healed().row(with_rule("{actions: [start_service], verify_timeout: 1s}"))
    assert back.now.healed_after is None


def test_a_ladder_goes_on_to_what_helped() -> None:
    row = healed().row(with_rule("{actions: [{run: [/bin/true]}, restart_service], verify_timeout: 1s}"))
    assert row.now.action == "run"
    assert row.now.healed_after is not None


# ── What depends on what ──────────────────────────────────────────────────────────────────────────────────────────────


def chain() -> Story:
    """The root is bad from 20 to 30, what depends on it from 24 to 31."""
    story = (
        Story(until=600).looks("db", (0, GOOD), (20, BAD), (30, GOOD)).looks("web", (0, GOOD), (24, BAD), (31, GOOD))
    )
    story.recovery("db", 29, step("restart_service", 29), ended=30)
    return story.refused("web", 24, RefusalReason.DEPENDENCY_FAILING)


def test_what_depends_on_a_root_that_is_healed_later_stays_bad_as_long_and_is_left_alone() -> None:
    result = chain().result(CHAIN.replace("MANY", "20"))
    db, web = result.rows
    assert db.change is Change.LATER
    assert db.now.healed_after == pytest.approx(20.0, abs=0.1)
    assert (web.change, web.now.why, web.root) == (Change.NEITHER, "dependency_failing", "db")


def test_what_depends_on_a_root_that_is_healed_before_never_turns_bad() -> None:
    result = chain().result(CHAIN.replace("MANY", "1"))
    assert [(row.check, row.change) for row in result.rows] == [("db", Change.SOONER), ("web", Change.NEITHER)]
    assert result.now.refusals == {}


def test_what_depends_on_a_root_that_is_healed_sooner_is_well_sooner() -> None:
    story = (
        Story(until=600).looks("db", (0, GOOD), (20, BAD), (90, GOOD)).looks("web", (0, GOOD), (24, BAD), (91, GOOD))
    )
    story.recovery("db", 89, step("restart_service", 89), ended=90)
    db, web = story.result(CHAIN.replace("MANY", "10")).rows
    assert (db.change, web.change) == (Change.SOONER, Change.NEITHER)


def test_acting_on_what_only_its_root_had_made_bad_is_needless() -> None:
    story = (
        Story(until=600).looks("web", (0, GOOD), (20, BAD), (31, GOOD)).looks("db", (0, GOOD), (25, BAD), (30, GOOD))
    )
    story.recovery("db", 29, step("restart_service", 29), ended=30)  # the root was looked at later
    db, web = sorted(story.result(CHAIN.replace("MANY", "1")).rows, key=lambda row: row.check)
    assert (db.change, db.now.needless) == (Change.SOONER, False)
    assert (web.change, web.now.needless, web.root) == (Change.ADDED, True, "db")


# ── What is left bad is let go ────────────────────────────────────────────────────────────────────────────────────────


def test_what_a_replay_leaves_bad_is_let_go_after_an_hour() -> None:
    (fate,) = (
        healed(until=3 * HOLD)
        .replayed(
            with_rule(
                "{actions: [restart_service], trigger_on: unhealthy, \
min_failure_count: 10000}"
            )
        )
        .fates["web"]
    )
    assert fate.let_go_at == pytest.approx(21.6 + HOLD, abs=0.2)


def test_what_a_replay_leaves_bad_is_let_go_when_it_is_bad_again_and_its_next_spell_begins() -> None:
    story = healed().looks("web", (100, BAD), (120, GOOD))
    story.recovery("web", 119, step("restart_service", 119), ended=120)
    first, second = story.result(with_rule("{actions: [restart_service], min_failure_count: 20}")).rows
    assert (first.now.acts, second.now.acts) == (True, True)
    first, second = story.result(with_rule("{actions: [restart_service], min_failure_count: 90}")).rows
    assert (first.change, second.change) == (Change.DROPPED, Change.SOONER)  # it had been bad all the time


def test_what_a_replay_leaves_bad_is_not_decided_where_nobody_looked_any_more() -> None:
    story = healed().lives((0, 30), (200, 600)).looks("web", (201, GOOD))
    row = story.row(with_rule("{actions: [restart_service], min_failure_count: 20}"))
    assert (row.change, row.now.cut_off) == (Change.UNDECIDED, True)


def test_what_is_held_is_not_let_go_by_what_was_done_on_a_condition_after_it() -> None:
    story = Story(until=9000).looks("web", (0, GOOD), (20, BAD), (20.005, GOOD))
    story.recovery("web", 20, step("restart_service", 20.001, took=0.003), ended=20.006)
    story.recovery("web", 60, step("restart_service", 60), ended=61)  # by a rule that acted on a condition
    first, second = story.result(EAGER).rows
    assert (first.change, first.now.healed_after is not None) == (Change.SAME, True)
    assert (second.lasted, second.change) == (None, Change.DROPPED)
    for count in (30, 300):  # it is over while the one before is held; it is over before that is let go
        rows = story.result(with_rule(f"{{actions: [restart_service], min_failure_count: {count}}}")).rows
        assert [row.then.acts for row in rows] == [True, True]


# ── Where nobody looked ───────────────────────────────────────────────────────────────────────────────────────────────


def test_nothing_is_done_while_nobody_looked() -> None:
    story = Story(until=1000).looks("web", (0, GOOD), (20, BAD)).lives((0, 22))
    assert story.replayed(with_rule("{actions: [restart_service], min_failure_count: 4}")).recoveries == {}


def test_bad_looks_before_a_restart_of_salus_do_not_count_after_it() -> None:
    story = Story(until=300).looks("web", (0, GOOD), (20, BAD), (101, BAD), (200, GOOD)).lives((0, 22.5), (100, 300))
    (record, *_) = story.replayed(with_rule("{actions: [restart_service], min_failure_count: 5}")).recoveries.values()
    assert record.decided_at == instant(105)


# ── What people did ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_pause_of_then_holds_the_rules_of_now() -> None:
    story = passed(lasts=100).event(10, EventKind.PAUSED, message="by ann").event(60, EventKind.RESUMED)
    row = story.row()
    assert row.now.refusals["paused"] == 1
    assert row.now.after == pytest.approx(40.0)


def test_a_pause_from_before_the_beginning_holds_too() -> None:
    story = passed().event(-5, EventKind.PAUSED, before=True)
    assert story.row().now.why == "paused"


def test_an_ad_hoc_window_of_then_holds_the_rules_of_now() -> None:
    data = {
        "id": "deploy",
        "since": "2026-01-01T00:00:10Z",
        "until": "2026-01-01T00:01:00Z",
        "members": {"services": ["web"]},
    }
    story = passed(lasts=100).event(10, EventKind.MAINTENANCE_STARTED, message="deploy, ...", data=data)
    row = story.row()
    assert row.now.refusals["maintenance"] == 1
    assert row.now.after == pytest.approx(40.0)
    ended = story.event(30, EventKind.MAINTENANCE_ENDED, data={"id": "deploy"}).row()
    assert ended.now.after == pytest.approx(10.0)


def test_a_window_that_was_told_in_words_only_is_not_guessed() -> None:
    story = passed().event(10, EventKind.MAINTENANCE_STARTED, message="deploy by ann, service web, until 12:00")
    assert story.row().now.acts
    assert story.notes() == ["1 ad hoc maintenance window told in words only, which hold nothing here"]


def test_a_window_that_nobody_can_have_written_ends_the_replay_with_an_error() -> None:
    story = passed().event(10, EventKind.MAINTENANCE_STARTED, data={"id": "deploy", "until": "noon"})
    with pytest.raises(StoreUnreadableError, match="maintenance:deploy"):
        story.replayed()


def test_a_rule_that_a_person_had_switched_off_is_off() -> None:
    story = passed().event(10, EventKind.RULE_DISABLED, rule="web").event(11, EventKind.RULE_DISABLED, rule="gone")
    assert story.row().now.why == "disabled"


@pytest.mark.parametrize("told_at", [19, 20.01], ids=["before the look", "just after it"])
def test_what_a_person_had_stopped_is_not_started(told_at: float) -> None:
    story = passed().event(told_at, EventKind.SERVICE_STOPPED, service="web", message="stopped by a person")
    row = story.row()
    assert (row.now.acts, row.now.why) == (False, "stopped_by_person")


@pytest.mark.parametrize("seen_well_at", [25.016, 26.3], ids=["at once", "a while later"])
def test_what_a_person_had_started_is_not_healed_for_what_was_seen_while_it_was_stopped(seen_well_at: float) -> None:
    story = Story(until=600).looks("web", (0, GOOD), (20, BAD), (seen_well_at, GOOD))
    story.event(20, EventKind.SERVICE_STOPPED, service="web", message="stopped by a person")
    story.event(25, EventKind.SERVICE_STARTED, service="web")
    config = with_rule("{actions: [restart_service], min_failure_count: 400}")
    assert not story.row(config.replace("interval: 10s", "interval: 10ms")).now.acts


# ── Services and their copies ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_service_that_had_ended_is_known_to_be_down_until_the_replay_starts_it() -> None:
    story = (
        healed()
        .event(20, EventKind.SERVICE_EXITED, service="web")
        .event(21.4, EventKind.SERVICE_STARTED, service="web")
    )
    (record,) = story.replayed(PATIENT).recoveries.values()
    assert record.evidence["service"] == "exited"
    assert record.outcome == "recovered"


def test_the_copy_that_salus_had_made_is_no_rival() -> None:
    story = Story(until=600)
    for began in (20, 100, 200):
        story.looks("web", (began - 10, GOOD), incarnation=f"copy {began}")
        story.looks("web", (began, BAD), incarnation=f"copy {began}").looks(
            "web", (began + 1.6, GOOD), incarnation="new"
        )
        story.recovery("web", began + 1, step("restart_service", began + 1), ended=began + 1.6)
    for config in (OFF, WEB, PATIENT):
        events = story.replayed(config + "    limits: {rival_threshold: 1}\n").events
        assert not [event for event in events if event.kind is EventKind.RIVAL_DETECTED]


def test_a_copy_that_somebody_else_had_made_is_a_rival() -> None:
    story = (
        Story(until=600).looks("web", (0, GOOD), (20, BAD), incarnation="1").looks("web", (60, GOOD), incarnation="2")
    )
    events = story.replayed(OFF + "    limits: {rival_threshold: 1}\n").events
    assert [event.kind for event in events] == [EventKind.RECOVERY_REFUSED, EventKind.RIVAL_DETECTED]
    assert events[0].reason == "disabled"


# ── Looks ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_look_takes_as_long_as_it_took() -> None:
    story = Story(until=600).looks("web", (0, GOOD)).looks("web", (20, BAD), duration=1.5, cause="timeout")
    story.looks("web", (60, GOOD))
    (record, *_) = story.replayed().recoveries.values()
    assert record.decided_at == instant(23)  # two looks of a second and a half, one after the other


def test_looks_that_came_a_little_late_are_seen_when_they_were_due() -> None:
    story = Story(until=600).looks("web", (0, GOOD), (20, BAD), (21.003, GOOD))
    assert not story.row().now.acts  # its second look is due at 21, and saw a good one then


def test_looking_around_sees_what_looking_around_saw() -> None:
    names = [f"c{number}" for number in range(6)]
    story = Story(until=600)
    for late, name in enumerate(names):
        story.looks(name, (0, GOOD), (20 + late / 200, BAD), (90, GOOD))
    checks = "".join(f"      {name}: {{tcp: {{port: {number + 1}}}}}\n" for number, name in enumerate(names))
    rules = "".join(f"      {name}: {{actions: [{{run: [/bin/true]}}]}}\n" for name in names)
    result = story.result(f"    salus: {{store: memory}}\n    checks:\n{checks}    rules:\n{rules}")
    assert result.now.acted == 0
    assert result.now.called_off >= 1
    assert "storm" in result.now.calls


def test_a_quiet_month_costs_a_few_looks() -> None:
    replayed = healed(until=30 * 86400).replayed()
    assert replayed.looks < 150


def test_a_condition_is_judged_on_what_was_measured() -> None:
    story = Story(until=900)
    story.measures("web", *((60 * minute, minute) for minute in range(10)), (545, 1), (600, 1))
    story.recovery("web", 540, step("restart_service", 540), ended=541)
    config = with_rule('{actions: [restart_service], when: "metrics.size > LIMIT"}')
    assert story.row(config.replace("LIMIT", "8")).change is Change.SAME
    row = story.row(config.replace("LIMIT", "5"))
    assert (row.change, row.lasted) == (Change.SOONER, None)
    assert row.by == pytest.approx(-180.0)
    assert row.now.healed_after is not None
    late = story.row(config.replace("LIMIT", "8").replace("{actions", "{min_failure_count: 5, actions"))
    assert (late.change, late.now.healed_after is not None) == (Change.LATER, True)


def test_acting_on_a_condition_where_nothing_was_done_stands_in_a_row_of_its_own() -> None:
    story = Story(until=900).measures("web", (0, 1), (60, 9), (120, 1))
    row = story.row(with_rule('{actions: [restart_service], when: "metrics.size > 8"}'))
    assert (row.end, row.lasted, row.change, row.now.untried) == (None, None, Change.ADDED, True)


# ── Sums ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def two() -> tuple[Story, str]:
    story = healed().looks("db", (0, GOOD), (50, BAD), (60, GOOD))
    story.event(51, EventKind.RULE_EXHAUSTED, check="db").event(52, EventKind.STORM_STARTED, reason="all")
    story.refused("web", 20, RefusalReason.COOLING_DOWN).refused("db", 50, RefusalReason.FLAPPING)
    return story, WEB.replace("    rules:", "      db: {tcp: {port: 1}}\n    rules:")


def test_sums_stand_side_by_side() -> None:
    story, config = two()
    result = story.result(config)
    assert (result.spells, result.then.acted, result.then.healed, result.then.recoveries) == (2, 1, 1, 1)
    assert (result.now.acted, result.now.healed, result.now.needless, result.now.recoveries) == (1, 1, 0, 1)
    assert result.then.refusals == {"cooling_down": 1, "flapping": 1}
    assert result.then.calls == {"exhausted": 1, "storm": 1}
    assert result.then.time_to_act.median == 1.0
    assert result.now.calls == {}
    assert result.checks == ["web", "db"]


def test_what_is_asked_of_one_check_is_of_nothing_else() -> None:
    story, config = two()
    result = story.result(config, "db")
    assert (result.checks, result.spells, result.then.acted, result.now.acted) == (["db"], 1, 0, 0)
    assert result.then.refusals == {"flapping": 1}
    assert result.then.calls == {"exhausted": 1}


def test_the_same_past_gives_the_same_answer() -> None:
    story, config = two()
    assert story.result(config) == story.result(config)


def test_the_newest_rows_come_first_and_only_what_differs_when_asked() -> None:
    story, config = two()
    result = story.result(config)
    assert [row.check for row in result.newest(5)] == ["db", "web"]
    assert [row.check for row in result.newest(1)] == ["db"]
    assert result.newest(5, changed=True) == []
    assert replace(result, rows=[]).newest(5) == []


def test_a_degraded_check_is_healed_by_what_acts_on_degraded() -> None:
    story = Story(until=600).looks("web", (0, GOOD), (20, Status.DEGRADED), (80, GOOD))
    assert story.row(with_rule("{actions: [restart_service], trigger_on: unhealthy}")).now.why == "below_threshold"
    assert story.row(with_rule("{actions: [restart_service], trigger_on: degraded}")).now.needless
