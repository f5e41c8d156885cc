"""What every store does. Each test runs on every implementation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from salus.errors import StoreUnwritableError
from salus.model import (
    Answer,
    Approval,
    CheckState,
    Event,
    EventKind,
    Json,
    Memo,
    Metric,
    Observation,
    Outcome,
    RecoveryRecord,
    RuleState,
    ServiceRecord,
    Status,
    StepRecord,
    StepResult,
)
from salus.ports import Batch, EventQuery, RecoveryQuery, Store
from salus.store.memory import MemoryStore
from salus.store.sqlite import SqliteStore

NOW = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    made: Store = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "ledger.db")
    await made.open()
    yield made
    await made.close()


def event(number: int, kind: EventKind = EventKind.STATUS_CHANGED, **about: str) -> Event:
    return Event(id=number, at=NOW + number * SECOND, kind=kind, message=f"event {number}", **about)  # type: ignore[arg-type]


def recovery(
    name: str, started_at: datetime = NOW, outcome: Outcome | None = None, rule: str = "web"
) -> RecoveryRecord:
    return RecoveryRecord(
        id=name, rule=rule, check=f"{rule}-http", decided_at=started_at, started_at=started_at, outcome=outcome
    )


def look(number: int) -> Observation:
    return Observation(status=Status.HEALTHY, at=NOW + number * SECOND, message=f"look {number}")


async def test_a_new_store_knows_nothing(store: Store) -> None:
    snapshot = await store.load(NOW)
    assert not snapshot.check_states
    assert not snapshot.rule_states
    assert not snapshot.services
    assert not snapshot.memos
    assert list(snapshot.unfinished) == []
    assert list(snapshot.recent_starts) == []
    assert snapshot.last_event_id == 0
    assert list(await store.events(EventQuery())) == []
    assert list(await store.recoveries(RecoveryQuery())) == []
    assert list(await store.observations("web", since=NOW)) == []
    assert await store.prune(NOW, events_before=NOW, observations_before=NOW) == 0


async def test_every_field_of_every_row_comes_back(store: Store) -> None:
    seen = Observation(
        status=Status.UNHEALTHY,
        message="expected 200, got 500 · ünïcode \N{SNOWMAN} \0 end",
        at=NOW,
        duration=0.25,
        metrics={"latency_seconds": Metric(0.25, "seconds"), "count": Metric(3.0)},
        metadata={"headers": {"a": [1, None, True, "x", 2.5]}},
        incarnation="boot:1:2",
        cause="timeout",
    )
    happened = Event(
        id=7, at=NOW, kind=EventKind.ACTION_FINISHED, message="m", check="c", rule="r", service="s", recovery="id",
        action="restart_service", old="healthy", new="unhealthy", reason="cooling_down", data={"n": 1},
    )  # fmt: skip
    state = CheckState(
        status=Status.UNHEALTHY, since=NOW, started=NOW - HOUR, settled=True, consecutive_failures=4,
        consecutive_unhealthy=3, consecutive_successes=2, consecutive_better=1, consecutive_unknown=5,
        failing_since=NOW, recent=0b0110_10, flapping=True, last=seen,
    )  # fmt: skip
    budget = RuleState(
        rule="r", attempts=2, last_started=NOW, last_finished=NOW + SECOND, last_outcome=Outcome.TIMED_OUT,
        acted_on="boot:1:2", exhausted_since=NOW, half_open_tries=3, healthy_since=NOW,
        recoveries=(NOW - HOUR, NOW), recurring_since=NOW, escalations=2,
        approval=Approval(
            id="a1", asked_at=NOW, expires_at=NOW + HOUR, answer=Answer.APPROVED, answered_at=NOW + SECOND, by="eve",
            note="go on",
        ),
    )  # fmt: skip
    service = ServiceRecord(service="s", wanted=False, launch={"pid": 12, "boot": "b"})
    step = StepRecord(
        position=1, action="run", result=StepResult.TIMED_OUT, message="too slow", started_at=NOW, duration=1.5,
        verified=False, evidence={"stdout": "..."},
    )  # fmt: skip
    skipped = StepRecord(position=2, action="run", result=StepResult.SKIPPED, message="open", started_at=NOW)
    record = RecoveryRecord(
        id="id", rule="r", check="c", targets=("service:s", "check:c"), attempt=2, trigger="t", failing_since=NOW,
        decided_at=NOW, started_at=NOW + SECOND, finished_at=NOW + 2 * SECOND, outcome=Outcome.RECOVERED, message="m",
        initiation=0.001, duration=2.0, ladder=-1, half_open=True, manual=True, approved_by="eve", needless=True,
        steps=(step, skipped), evidence={"rss": [1]},
    )  # fmt: skip
    await store.write(
        Batch(
            events=[happened],
            observations=[("c", seen)],
            check_states={"c": state},
            rule_states=[budget],
            services=[service],
            recoveries=[record],
            memos=[Memo(key="pause", value={"since": "2026-05-01T12:00:00Z", "by": "eve"})],
        )
    )
    snapshot = await store.load(NOW)
    assert dict(snapshot.check_states) == {"c": state}
    assert dict(snapshot.rule_states) == {"r": budget}
    assert dict(snapshot.services) == {"s": service}
    assert dict(snapshot.memos) == {"pause": {"since": "2026-05-01T12:00:00Z", "by": "eve"}}
    assert snapshot.last_event_id == 7
    assert list(await store.events(EventQuery())) == [happened]
    assert list(await store.recoveries(RecoveryQuery())) == [record]
    assert list(await store.observations("c", since=NOW)) == [seen]


async def test_a_row_of_the_same_key_is_replaced(store: Store) -> None:
    await store.write(Batch(recoveries=[recovery("a")], rule_states=[RuleState(rule="web", attempts=1)]))
    await store.write(
        Batch(
            recoveries=[recovery("a", outcome=Outcome.FAILED)],
            rule_states=[RuleState(rule="web", attempts=2)],
            check_states={"web": CheckState(consecutive_failures=1)},
        )
    )
    await store.write(Batch(check_states={"web": CheckState(consecutive_failures=2)}))
    snapshot = await store.load(NOW)
    assert snapshot.rule_states["web"].attempts == 2
    assert snapshot.check_states["web"].consecutive_failures == 2
    assert [found.outcome for found in await store.recoveries(RecoveryQuery())] == [Outcome.FAILED]


async def test_forgotten_states_are_gone_and_forgetting_the_unknown_is_no_error(store: Store) -> None:
    await store.write(
        Batch(
            check_states={"a": CheckState(), "b": CheckState()},
            rule_states=[RuleState(rule="a"), RuleState(rule="b")],
            services=[ServiceRecord(service="a", wanted=True), ServiceRecord(service="b", wanted=True)],
        )
    )
    gone = ["a", "nobody"]
    await store.write(Batch(forget_checks=gone, forget_rules=gone, forget_services=gone))
    snapshot = await store.load(NOW)
    assert list(snapshot.check_states) == ["b"]
    assert list(snapshot.rule_states) == ["b"]
    assert list(snapshot.services) == ["b"]


async def test_a_name_both_forgotten_and_written_in_one_batch_stays_written(store: Store) -> None:
    await store.write(Batch(check_states={"a": CheckState(consecutive_failures=3)}, forget_checks=["a"]))
    assert (await store.load(NOW)).check_states["a"].consecutive_failures == 3


async def memos(store: Store) -> dict[str, Mapping[str, Json]]:
    return dict((await store.load(NOW)).memos)


async def test_a_memo_is_replaced_by_a_newer_one_of_its_key_and_forgotten_when_it_has_no_value(store: Store) -> None:
    await store.write(Batch(memos=[Memo(key="pause", value={"n": 1}), Memo(key="brake:all", value={"n": 2})]))
    await store.write(Batch(memos=[Memo(key="pause", value={"n": 3})]))
    assert await memos(store) == {"brake:all": {"n": 2}, "pause": {"n": 3}}
    await store.write(Batch(memos=[Memo(key="pause", value=None), Memo(key="nobody", value=None)]))
    assert await memos(store) == {"brake:all": {"n": 2}}


async def test_a_memo_that_says_nothing_is_still_there(store: Store) -> None:
    await store.write(Batch(memos=[Memo(key="disabled:web")]))
    assert await memos(store) == {"disabled:web": {}}


async def test_within_one_batch_the_last_word_on_a_memo_counts(store: Store) -> None:
    on, off = Memo(key="pause", value={"n": 1}), Memo(key="pause", value=None)
    await store.write(Batch(memos=[off, on]))
    assert await memos(store) == {"pause": {"n": 1}}
    await store.write(Batch(memos=[on, off]))
    assert await memos(store) == {}


async def test_unfinished_recoveries_and_the_starts_of_the_last_hour_are_loaded(store: Store) -> None:
    await store.write(
        Batch(
            recoveries=[
                recovery("old", NOW - 2 * HOUR, Outcome.RECOVERED),
                recovery("old and unfinished", NOW - 3 * HOUR),
                recovery("recent", NOW - 10 * SECOND, Outcome.RECOVERED),
                recovery("running", NOW - SECOND),
                recovery("before the clock went back", NOW + HOUR, Outcome.RECOVERED),
            ]
        )
    )
    snapshot = await store.load(NOW)
    assert [found.id for found in snapshot.unfinished] == ["old and unfinished", "running"]
    assert list(snapshot.recent_starts) == [NOW - 10 * SECOND, NOW - SECOND, NOW + HOUR]


async def test_events_come_newest_first_and_in_pages(store: Store) -> None:
    await store.write(Batch(events=[event(number) for number in range(1, 8)]))
    first = await store.events(EventQuery(limit=3))
    second = await store.events(EventQuery(limit=3, before=first[-1].id))
    third = await store.events(EventQuery(limit=3, before=second[-1].id))
    assert [[found.id for found in page] for page in (first, second, third)] == [[7, 6, 5], [4, 3, 2], [1]]
    assert [found.id for found in await store.events(EventQuery(after=5))] == [7, 6]
    oldest = await store.events(EventQuery(after=2, kinds=[EventKind.STATUS_CHANGED], oldest_first=True, limit=3))
    assert [found.id for found in oldest] == [3, 4, 5]
    assert list(await store.events(EventQuery(limit=0))) == []
    assert list(await store.events(EventQuery(limit=-1))) == []


async def test_a_late_event_takes_its_place(store: Store) -> None:
    await store.write(Batch(events=[event(1), event(5)]))
    await store.write(Batch(events=[event(3)]))
    assert [found.id for found in await store.events(EventQuery())] == [5, 3, 1]
    assert (await store.load(NOW)).last_event_id == 5


@pytest.mark.parametrize(
    "query, expected",
    [
        (EventQuery(check="web"), [5, 1]),
        (EventQuery(rule="web"), [2]),
        (EventQuery(service="web"), [3]),
        (EventQuery(recovery="web"), [4]),
        (EventQuery(kinds=[EventKind.RULE_RESET]), [5]),
        (EventQuery(kinds=[EventKind.RULE_RESET, EventKind.STATUS_CHANGED]), [5, 4, 3, 2, 1]),
        (EventQuery(check="web", kinds=[EventKind.STATUS_CHANGED]), [1]),
        (EventQuery(since=NOW + 4 * SECOND), [5, 4]),
        (EventQuery(until=NOW + 2 * SECOND), [2, 1]),
        (EventQuery(since=NOW + 2 * SECOND, until=NOW + 3 * SECOND), [3, 2]),
        (EventQuery(check="nobody"), []),
        (EventQuery(check="' OR 1=1 --"), []),
    ],
)
async def test_events_are_filtered(store: Store, query: EventQuery, expected: list[int]) -> None:
    await store.write(
        Batch(
            events=[
                event(1, check="web"),
                event(2, rule="web"),
                event(3, service="web"),
                event(4, recovery="web"),
                event(5, EventKind.RULE_RESET, check="web"),
            ]
        )
    )
    assert [found.id for found in await store.events(query)] == expected


async def test_recoveries_are_filtered_and_paged(store: Store) -> None:
    made = [recovery(f"r{number}", NOW + number * SECOND, rule="web" if number % 2 else "db") for number in range(6)]
    made[2] = recovery("r2", NOW + 2 * SECOND, Outcome.FAILED, rule="db")
    await store.write(Batch(recoveries=made))

    async def ids(query: RecoveryQuery) -> list[str]:
        return [found.id for found in await store.recoveries(query)]

    assert await ids(RecoveryQuery()) == ["r5", "r4", "r3", "r2", "r1", "r0"]
    assert await ids(RecoveryQuery(limit=2)) == ["r5", "r4"]
    assert await ids(RecoveryQuery(limit=2, before=made[4].started_at)) == ["r3", "r2"]
    assert await ids(RecoveryQuery(rule="db")) == ["r4", "r2", "r0"]
    assert await ids(RecoveryQuery(outcome=Outcome.FAILED)) == ["r2"]
    assert await ids(RecoveryQuery(check="web-http", since=made[3].started_at)) == ["r5", "r3"]
    assert await ids(RecoveryQuery(id="r1")) == ["r1"]
    assert await ids(RecoveryQuery(id="r9")) == []


async def test_observations_belong_to_their_check_and_come_newest_first(store: Store) -> None:
    await store.write(Batch(observations=[("web", look(1)), ("db", look(2)), ("web", look(3))]))
    await store.write(Batch(observations=[("web", look(2))]))
    found = await store.observations("web", since=NOW)
    assert [seen.message for seen in found] == ["look 3", "look 2", "look 1"]
    assert [seen.message for seen in await store.observations("web", since=NOW + 2 * SECOND)] == ["look 3", "look 2"]
    assert [seen.message for seen in await store.observations("web", since=NOW, limit=1)] == ["look 3"]


async def test_prune_forgets_what_is_old_and_keeps_what_is_unfinished(store: Store) -> None:
    later = NOW + 24 * HOUR
    await store.write(
        Batch(
            events=[event(number) for number in range(1, 1001)],
            observations=[("web", look(number)) for number in range(1, 401)],
            recoveries=[
                recovery("old", NOW - HOUR, Outcome.RECOVERED),
                recovery("unfinished", NOW - HOUR),
                recovery("new", NOW + HOUR, Outcome.RECOVERED),
            ],
            check_states={"web": CheckState()},
        )
    )
    gone = await store.prune(later, events_before=NOW + 901 * SECOND, observations_before=NOW + 301 * SECOND)
    assert gone == 900 + 300 + 1
    assert [found.id for found in await store.events(EventQuery(limit=1000))] == list(range(1000, 900, -1))
    assert len(await store.observations("web", since=NOW)) == 100
    assert {found.id for found in await store.recoveries(RecoveryQuery())} == {"unfinished", "new"}
    assert list((await store.load(NOW)).check_states) == ["web"]


async def test_prune_keeps_a_day_of_recoveries_however_little_is_wanted(store: Store) -> None:
    await store.write(
        Batch(
            events=[event(1)],
            recoveries=[
                recovery("two days ago", NOW - 48 * HOUR, Outcome.RECOVERED),
                recovery("yesterday", NOW - 23 * HOUR, Outcome.RECOVERED),
                recovery("a moment ago", NOW - SECOND, Outcome.FAILED),
            ],
        )
    )
    soon = NOW + 2 * SECOND
    assert await store.prune(soon, events_before=soon, observations_before=soon) == 2
    assert [found.id for found in await store.recoveries(RecoveryQuery())] == ["a moment ago", "yesterday"]
    assert list((await store.load(NOW)).recent_starts) == [NOW - SECOND]


async def test_a_batch_that_is_written_again_does_no_harm(store: Store) -> None:
    batch = Batch(
        events=[event(1), event(2)],
        observations=[("web", look(1)), ("web", look(2))],
        recoveries=[recovery("a")],
        check_states={"web": CheckState()},
    )
    await store.write(batch)
    await store.write(Batch(events=[event(3)], observations=[("web", look(3))]))
    await store.write(batch)
    assert [found.id for found in await store.events(EventQuery())] == [3, 2, 1]
    assert [seen.message for seen in await store.observations("web", since=NOW)] == ["look 3", "look 2", "look 1"]
    assert len(await store.recoveries(RecoveryQuery())) == 1


async def test_an_event_never_changes(store: Store) -> None:
    await store.write(Batch(events=[event(1)]))
    await store.write(Batch(events=[event(1, EventKind.RULE_RESET), event(2)]))
    assert [found.kind for found in await store.events(EventQuery())] == [EventKind.STATUS_CHANGED] * 2


async def test_many_at_once_are_all_written(store: Store) -> None:
    await asyncio.gather(*(store.write(Batch(events=[event(number)])) for number in range(1, 301)))
    assert len(await store.events(EventQuery(limit=1000))) == 300


async def test_an_empty_batch_is_written_at_once(store: Store) -> None:
    await store.write(Batch())


async def test_a_closed_store_refuses_to_write_and_can_be_opened_again(store: Store) -> None:
    await store.write(Batch(events=[event(1)]))
    await store.close()
    await store.close()
    with pytest.raises(StoreUnwritableError):
        await store.write(Batch(events=[event(2)]))
    with pytest.raises(StoreUnwritableError):
        await store.prune(NOW, events_before=NOW, observations_before=NOW)
    await store.open()
    await store.write(Batch(events=[event(3)]))
    assert [found.id for found in await store.events(EventQuery())] == [3, 1]


async def test_a_caller_that_is_cancelled_leaves_the_store_working(store: Store) -> None:
    writing = asyncio.ensure_future(store.write(Batch(events=[event(1)])))
    await asyncio.wait([writing], timeout=0)
    writing.cancel()
    await asyncio.wait([writing])
    await store.write(Batch(events=[event(2)]))
    assert (await store.events(EventQuery()))[0].id == 2
