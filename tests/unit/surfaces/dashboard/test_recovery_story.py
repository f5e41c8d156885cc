"""The story of a recovery, and its steps in a line."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from salus.model import (
    Event,
    EventKind,
    Outcome,
    RecoveryPhase,
    RecoveryRecord,
    StepRecord,
    StepResult,
    UnderWay,
)
from salus.surfaces.dashboard.views.evidence import evidence
from salus.surfaces.dashboard.views.healing import chips
from salus.surfaces.dashboard.views.recovery_story import story
from tests.fake_agent import NOW, RECOVERY, RUNNING

RUNGS = ("log", "restart_service", "wait")


def doing(phase: RecoveryPhase, position: int | None = None) -> RecoveryRecord:
    action = RUNGS[position - 1] if position else None
    now = UnderWay(phase=phase, action=action, position=position, since=NOW, until=NOW + timedelta(seconds=9))
    return replace(RUNNING, steps=(), current=now)


def told(record: RecoveryRecord, *events: Event) -> list[str]:
    return [one.title for one in story(record, RUNGS, events)]


def event(kind: EventKind, message: str, after: float, reason: str | None = None) -> Event:
    at = NOW - timedelta(seconds=5) + timedelta(seconds=after)
    return Event(id=int(at.timestamp() * 1e6), at=at, kind=kind, message=message, recovery="01A", reason=reason)


def test_a_recovery_that_ended_is_told_from_the_first_bad_look_to_its_outcome() -> None:
    assert told(RECOVERY) == [
        "First bad look",
        "Decided: attempt 2",
        "Confirmed by a fresh look",
        "1. log",
        "2. restart_service",
        "Verified by a fresh look",
        "Recovered",
    ]


def test_what_the_ledger_still_knows_of_it_is_told_too() -> None:
    confirmed = event(EventKind.RECOVERY_CONFIRMED, "it is still so: 500", 0.001)
    verified = event(EventKind.VERIFIED, "verified by a fresh look: 200 OK", 1.9, reason="passed")
    found = {one.id: one for one in story(RECOVERY, RUNGS, [verified, confirmed])}
    assert found["confirmed"].text == "it is still so: 500"
    assert found["verified-2"].text == "200 OK"
    assert found["verified-2"].took == 1.56


def test_while_it_runs_the_step_that_runs_stands_there_with_its_bound_and_then_what_may_follow() -> None:
    found = story(RUNNING, RUNGS)
    assert [one.title for one in found][-2:] == ["2. restart_service", "Then, unless it is well before"]
    assert [(one.id, one.tone) for one in found if one.now] == [("step-2", "now")]
    assert found[-1].text == "wait"


def test_before_any_step_it_says_that_it_looks_afresh() -> None:
    assert told(doing(RecoveryPhase.CONFIRMING))[-2:] == [
        "Looking afresh whether it is still so",
        "Then, unless it is well before",
    ]
    assert told(doing(RecoveryPhase.CAPTURING))[2] == "Recording what is about to be lost"


def test_while_a_step_is_verified_it_says_so_and_the_entry_keeps_its_name_afterwards() -> None:
    step = StepRecord(position=1, action="log", result=StepResult.OK, started_at=NOW)
    verifying = replace(doing(RecoveryPhase.VERIFYING, 1), steps=(step,))
    assert [one.id for one in story(verifying, RUNGS)][-2:] == ["verified-1", "then"]
    failed = replace(RUNNING, steps=(replace(step, verified=False),))
    assert "verified-1" in [one.id for one in story(failed, RUNGS)]
    assert "Still failing" in told(failed)


def test_who_asked_and_who_allowed_it_is_said() -> None:
    assert "A person asked for it" in told(replace(RECOVERY, manual=True))
    assert "Giving up: what is left to do" in told(replace(RECOVERY, ladder=-1))
    assert "Decided: one more try after giving up" in told(replace(RECOVERY, half_open=True))
    decided = story(replace(RECOVERY, approved_by="olaf", ladder=1))[1]
    assert decided.text == "by the rule web, up its ladder 2, allowed by olaf"


def test_however_it_ended_the_end_says_so() -> None:
    ends = {outcome: told(replace(RECOVERY, outcome=outcome))[-1] for outcome in Outcome}
    assert ends[Outcome.FAILED] == "Failed"
    assert ends[Outcome.INTERRUPTED].startswith("Interrupted")
    assert told(replace(RECOVERY, outcome=Outcome.CANCELLED, needless=True))[-1] == "Called off: nothing had to be done"


def test_steps_in_a_line_tell_what_helped_and_what_did_not() -> None:
    vain = replace(RECOVERY.steps[1], verified=False)
    failed = replace(vain, result=StepResult.TIMED_OUT, verified=None)
    skipped = replace(failed, result=StepResult.SKIPPED)
    record = replace(RECOVERY, steps=(*RECOVERY.steps, vain, failed, skipped))
    assert [chip.state for chip in chips(record, RUNGS)] == ["done", "done", "done", "vain", "failed", "skipped"]


def test_steps_in_a_line_tell_what_is_done_now_and_what_may_follow() -> None:
    assert [(chip.name, chip.state) for chip in chips(RUNNING, RUNGS)] == [
        ("confirmed", "done"),
        ("log", "done"),
        ("restart_service", "now"),
        ("wait", "next"),
    ]
    assert chips(doing(RecoveryPhase.CONFIRMING), RUNGS)[0].state == "now"
    assert chips(doing(RecoveryPhase.CAPTURING), RUNGS)[1].name == "recording"
    verifying = replace(doing(RecoveryPhase.VERIFYING, 1), steps=RECOVERY.steps[:1])
    assert [chip.state for chip in chips(verifying, RUNGS)] == ["done", "now", "next", "next"]


def test_one_that_was_not_needed_says_so() -> None:
    assert chips(replace(RECOVERY, needless=True, steps=()))[0].name == "not needed"


steps_made = st.lists(
    st.builds(
        StepRecord,
        position=st.integers(1, 9),
        action=st.text(max_size=9),
        result=st.sampled_from(StepResult),
        started_at=st.just(NOW),
        duration=st.floats(0, 100),
        verified=st.sampled_from([True, False, None]),
    ),
    max_size=6,
    unique_by=lambda step: step.position,
)
current_made = st.none() | st.builds(
    UnderWay,
    phase=st.sampled_from(RecoveryPhase),
    action=st.text(max_size=9),
    position=st.none() | st.integers(1, 9),
    since=st.just(NOW),
    until=st.just(NOW),
)


@given(
    steps_made,
    current_made,
    st.sampled_from([*Outcome, None]),
    st.lists(st.text(max_size=5), max_size=9),
    st.integers(-1, 3),
)
def test_whatever_a_recovery_is_at_no_two_entries_have_one_name(
    steps: list[StepRecord], current: UnderWay | None, outcome: Outcome | None, rungs: list[str], ladder: int
) -> None:
    record = replace(RUNNING, steps=tuple(steps), current=current, outcome=outcome, ladder=ladder)
    names = [one.id for one in story(record, rungs)]
    assert len(names) == len(set(names))
    assert ("outcome" in names) == (outcome is not None)
    assert chips(record, rungs)


def test_evidence_is_sorted_into_small_facts_and_long_texts() -> None:
    found = evidence(
        {
            "pid": 7,
            "rss_bytes": 2048,
            "user_seconds": 0.5,
            "gone": None,
            "dead": True,
            "command": ["a", "b"],
            "last_output": ["one", "two"],
            "tasks": [{"id": 7}],
        }
    )
    assert dict(found.facts) == {
        "pid": "7",
        "rss": "2 KiB",
        "user": "500 ms",
        "gone": "none",
        "dead": "yes",
        "command": "a b",
    }
    assert dict(found.texts)["last output, when it ended"] == "one\ntwo"
    assert '"id": 7' in dict(found.texts)["tasks"]
    assert not evidence({})
