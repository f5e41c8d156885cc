"""What every store does with alerts and with the outbox. Each test runs on every implementation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import MISSING, fields, replace
from pathlib import Path

import pytest

from salus.errors import StoreUnwritableError
from salus.model import (
    Alert,
    AlertState,
    Deed,
    Delivery,
    DeliveryState,
    Event,
    EventKind,
    Level,
    Notification,
    Occasion,
    Told,
)
from salus.ports import AlertQuery, Batch, EventQuery, Store
from salus.simulate.ledger import SimulatedLedger
from salus.store.memory import MemoryStore
from salus.store.sqlite import SqliteStore
from tests.integration.store.alerting import DAY, HOUR, NOW, SECOND, STALE, alert, delivery, ended, told


@pytest.fixture(params=["memory", "sqlite", "simulated"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    file = tmp_path / "ledger.db"
    made: Store = MemoryStore()
    if request.param != "memory":
        made = SqliteStore(file) if request.param == "sqlite" else SimulatedLedger(file)
    await made.open()
    yield made
    await made.close()


def assert_says_all(noun: Alert | Deed | Told | Notification | Delivery) -> None:
    """Fail where a field was left at its default: a new one belongs in the test, too."""
    for field in fields(noun):
        made = field.default_factory() if field.default_factory is not MISSING else field.default
        assert getattr(noun, field.name) != made, field.name


async def the_only(store: Store) -> Delivery:
    (found,) = await store.deliveries()
    return found


# ── Alerts ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_new_store_knows_of_no_alert_and_no_delivery(store: Store) -> None:
    snapshot = await store.load(NOW)
    assert list(snapshot.alerts) == []
    assert snapshot.last_delivery == 0
    assert list(snapshot.recent_deliveries) == []
    assert list(await store.alerts(AlertQuery())) == []
    assert list(await store.deliveries()) == []
    assert list(await store.waiting("ops")) == []
    assert dict(await store.depth()) == {}


async def test_every_field_of_an_alert_and_of_a_delivery_comes_back(store: Store) -> None:
    full = Alert(
        id="a1", fingerprint="00112233aabbccdd", labels={"alertname": "web-down", "team": "ünïcode \N{SNOWMAN}"},
        rule="web-down", level=Level.WARNING, state=AlertState.RESOLVED, check="web", summary="web is down",
        detail="expected 200, got 500", runbook="https://runbook.example.org", first_seen=NOW, last_seen=NOW + HOUR,
        count=3, fired_at=NOW + SECOND, resolved_at=NOW + 2 * HOUR, resolution="it passes",
        acknowledged_at=NOW + 2 * SECOND, acknowledged_by="eve", note="mine", flapping=True, quiet_since=NOW,
        dismissed=True, moment=True,
        deeds=(
            Deed(
                at=NOW, recovery="r1", action="restart_service", result="done", duration=1.5, message="m",
                verified=True, attempt=2,
            ),
            Deed(at=NOW, recovery="r1", result="recovered"),
        ),
        told={
            "ops": Told(state=AlertState.RESOLVED, key="k", at=NOW, count=4, flapping=True, level=Level.CRITICAL),
            "pager": Told(state=AlertState.ACKNOWLEDGED, key="k2", at=NOW),
        },
    )  # fmt: skip
    bare = alert("a0", check=None, fired_at=None, state=AlertState.PENDING)
    notification = Notification(
        id="n1", channel="ops", key="k", occasion=Occasion.ESCALATED, state=AlertState.ACKNOWLEDGED, at=NOW,
        group={"component": "web"}, alerts=(full, bare), fresh=frozenset({"f-a0", "00112233aabbccdd"}), more=7,
        digest=True, environment="production", host="web-1", link="https://salus.example.org",
    )  # fmt: skip
    made = Delivery(
        id="n1", channel="ops", key="k", number=12, notification=notification, created_at=NOW,
        state=DeliveryState.DEAD, attempts=9, due_at=NOW + HOUR, claimed_by="salus-1", claimed_at=NOW + SECOND,
        error="410 Gone", ended_at=NOW + DAY,
    )  # fmt: skip
    for noun in (full, full.deeds[0], full.told["ops"], notification, made):
        assert_says_all(noun)
    await store.write(Batch(alerts=[full, bare], deliveries=[made]))
    assert list(await store.alerts(AlertQuery())) == [full, bare]
    assert await the_only(store) == made


async def test_an_alert_written_again_is_replaced(store: Store) -> None:
    await store.write(Batch(alerts=[alert("a"), alert("b", NOW - SECOND)]))
    await store.write(Batch(alerts=[alert("a", count=2), ended("a", NOW, NOW + HOUR, told=told(AlertState.FIRING))]))
    assert [(found.id, found.resolved_at) for found in await store.alerts(AlertQuery())] == [
        ("a", NOW + HOUR),
        ("b", None),
    ]
    assert [found.id for found in await store.alerts(AlertQuery(active=True))] == ["b"]
    assert [found.id for found in (await store.load(NOW + 3 * DAY)).alerts] == ["b", "a"]
    await store.write(Batch(alerts=[ended("a", NOW, NOW + HOUR, told=told(AlertState.RESOLVED))]))
    assert [found.id for found in (await store.load(NOW + 3 * DAY)).alerts] == ["b"]


async def test_loaded_is_what_lasts_what_somebody_must_still_hear_and_what_fired_within_a_day(store: Store) -> None:
    old, end = NOW - 9 * DAY, NOW - 8 * DAY
    firing, acknowledged, resolved = AlertState.FIRING, AlertState.ACKNOWLEDGED, AlertState.RESOLVED
    await store.write(
        Batch(
            alerts=[
                alert("lasts", old),
                alert("is pending", old + SECOND, state=AlertState.PENDING, fired_at=None),
                alert("is acknowledged", old + 2 * SECOND, state=acknowledged),
                ended("unheard", old + 3 * SECOND, end, told={**told(resolved), **told(firing, "pager")}),
                ended("unheard by who has it", old + 4 * SECOND, end, told=told(acknowledged)),
                ended("dismissed while it lasts", old + 5 * SECOND, end, told=told(resolved), dismissed=True),
                ended("heard", old, end, told=told(resolved)),
                ended("never told", old, end),
                ended("a moment told once", old, end, told=told(firing), moment=True),
                ended("never fired", NOW - HOUR, NOW, fired_at=None),
                ended("fired a day ago", NOW - DAY, NOW, told=told(resolved)),
                ended("fired today", NOW - DAY + SECOND, NOW - HOUR, told=told(resolved)),
                ended("fired before the clock went back", NOW + HOUR, NOW + HOUR),
            ]
        )
    )
    assert [found.id for found in (await store.load(NOW)).alerts] == [
        "lasts",
        "is pending",
        "is acknowledged",
        "unheard",
        "unheard by who has it",
        "dismissed while it lasts",
        "fired today",
        "fired before the clock went back",
    ]


async def test_alerts_are_filtered_and_paged(store: Store) -> None:
    made = [
        alert("aa1", NOW, fingerprint="f0"),
        ended("ab2", NOW + SECOND, NOW + HOUR, rule="disk-low", check="disk"),
        alert("b_3", NOW + 2 * SECOND, fingerprint="aa9", check=None),
        alert("b%4", NOW + 3 * SECOND, state=AlertState.ACKNOWLEDGED, check="disk"),
    ]
    await store.write(Batch(alerts=made))

    async def ids(query: AlertQuery) -> list[str]:
        return [found.id for found in await store.alerts(query)]

    assert await ids(AlertQuery()) == ["b%4", "b_3", "ab2", "aa1"]
    assert await ids(AlertQuery(limit=2)) == ["b%4", "b_3"]
    assert await ids(AlertQuery(limit=2, before=made[2].first_seen)) == ["ab2", "aa1"]
    assert await ids(AlertQuery(limit=0)) == await ids(AlertQuery(limit=-1)) == []
    assert await ids(AlertQuery(since=made[2].first_seen)) == ["b%4", "b_3"]
    assert await ids(AlertQuery(check="disk")) == ["b%4", "ab2"]
    assert await ids(AlertQuery(rule="disk-low")) == ["ab2"]
    assert await ids(AlertQuery(active=True)) == ["b%4", "b_3", "aa1"]
    assert await ids(AlertQuery(active=True, check="disk")) == ["b%4"]


@pytest.mark.parametrize(
    "start, expected",
    [
        ("aa1", ["aa1"]),
        ("aa", ["b_3", "aa1"]),
        ("a", ["b_3", "ab2", "aa1"]),
        ("f0", ["aa1"]),
        ("b_", ["b_3"]),
        ("b%", ["b%4"]),
        ("%", []),
        ("A", []),
        ("aa11", []),
        ("' OR 1=1 --", []),
        ("", ["b%4", "b_3", "ab2", "aa1"]),
    ],
)
async def test_an_alert_is_found_by_how_its_id_or_its_fingerprint_begins(
    store: Store, start: str, expected: list[str]
) -> None:
    made = [alert("aa1", fingerprint="f0"), alert("ab2", NOW + SECOND), alert("b_3", NOW + HOUR, fingerprint="aa9")]
    await store.write(Batch(alerts=[*made, alert("b%4", NOW + DAY)]))
    assert [found.id for found in await store.alerts(AlertQuery(id=start))] == expected


# ── The outbox ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_waits_comes_oldest_first_by_channel_and_what_is_asked_for_newest_first(store: Store) -> None:
    made = [delivery(number, "ops" if number % 2 else "chat") for number in (4, 1, 3, 2)]
    done = delivery(5, state=DeliveryState.SENT, ended_at=NOW)
    await store.write(Batch(deliveries=[*made, done]))
    assert [found.number for found in await store.waiting("ops")] == [1, 3]
    assert [found.number for found in await store.waiting("ops", limit=1)] == [1]
    assert list(await store.waiting("nobody")) == []
    assert [found.number for found in await store.deliveries()] == [5, 4, 3, 2, 1]
    assert [found.number for found in await store.deliveries(channel="ops", limit=2)] == [5, 3]
    assert [found.number for found in await store.deliveries(state=DeliveryState.SENT)] == [5]
    assert [found.number for found in await store.deliveries(channel="chat", state=DeliveryState.SENT)] == []
    assert dict(await store.depth()) == {"chat": 2, "ops": 2}


async def test_a_claim_is_one_of_many_and_counts_the_try(store: Store) -> None:
    made = delivery(1)
    await store.write(Batch(deliveries=[made]))
    claims = [store.claim(made, f"salus-{number}", NOW, stale_before=STALE) for number in range(20)]
    won = await asyncio.gather(*claims)
    assert won.count(True) == 1
    found = await the_only(store)
    assert found == replace(made, claimed_by=f"salus-{won.index(True)}", claimed_at=NOW, attempts=1)
    assert list(await store.waiting("ops")) == [found]


async def test_a_claim_of_a_dead_salus_is_taken_over_once_it_is_stale_and_not_before(store: Store) -> None:
    made = delivery(1)
    await store.write(Batch(deliveries=[made]))
    assert await store.claim(made, "dead", NOW, stale_before=STALE)
    held = await the_only(store)
    assert not await store.claim(held, "heir", NOW + 59 * SECOND, stale_before=NOW - SECOND)
    assert await store.claim(held, "heir", NOW + 60 * SECOND, stale_before=NOW)
    taken = await the_only(store)
    assert (taken.claimed_by, taken.claimed_at, taken.attempts) == ("heir", NOW + 60 * SECOND, 2)
    assert not await store.release(replace(held, state=DeliveryState.SENT, ended_at=NOW), "dead")
    assert await the_only(store) == taken


async def test_a_claim_from_before_the_clock_was_put_back_is_held_no_longer_than_any_other(store: Store) -> None:
    await store.write(Batch(deliveries=[delivery(1)]))
    ahead = NOW + 60 * SECOND
    assert await store.claim(delivery(1), "dead", ahead, stale_before=ahead - 60 * SECOND)
    held = await the_only(store)
    assert not await store.claim(held, "heir", NOW, stale_before=NOW - 60 * SECOND)
    assert await store.claim(held, "heir", NOW - SECOND, stale_before=NOW - 61 * SECOND)


async def test_who_holds_a_claim_may_take_it_again_and_who_knows_less_may_not(store: Store) -> None:
    made = delivery(1)
    await store.write(Batch(deliveries=[made]))
    assert await store.claim(made, "me", NOW, stale_before=STALE)
    assert not await store.claim(made, "me", NOW, stale_before=STALE)
    held = await the_only(store)
    assert await store.claim(held, "me", NOW + SECOND, stale_before=STALE)
    assert (await the_only(store)).attempts == 2


async def test_what_was_tried_meanwhile_is_not_tried_by_who_has_not_seen_it(store: Store) -> None:
    made = delivery(1)
    await store.write(Batch(deliveries=[made]))
    assert await store.claim(made, "one", NOW, stale_before=STALE)
    assert await store.release(replace(made, due_at=NOW + HOUR, error="refused"), "one")
    assert not await store.claim(made, "two", NOW, stale_before=STALE)
    known = await the_only(store)
    assert known == replace(made, attempts=1, due_at=NOW + HOUR, error="refused")
    assert await store.claim(known, "two", NOW, stale_before=STALE)


async def test_tries_that_could_not_be_written_are_counted_with_the_next_claim(store: Store) -> None:
    await store.write(Batch(deliveries=[delivery(1)]))
    assert await store.claim(delivery(1, attempts=3), "me", NOW, stale_before=STALE)
    assert (await the_only(store)).attempts == 4
    assert not await store.claim(delivery(1, attempts=3), "me", NOW, stale_before=STALE)


@pytest.mark.parametrize("state", [DeliveryState.SENT, DeliveryState.DEAD])
async def test_how_a_try_ended_is_written_by_who_holds_the_claim_and_once(store: Store, state: DeliveryState) -> None:
    made = delivery(1)
    await store.write(Batch(deliveries=[made]))
    done = replace(made, state=state, error="e", ended_at=NOW + SECOND)
    assert not await store.release(done, "me")
    assert not await store.release(done, "")
    assert await store.claim(made, "me", NOW, stale_before=STALE)
    assert not await store.release(done, "another")
    assert await store.release(done, "me")
    assert not await store.release(replace(done, state=DeliveryState.WAITING), "me")
    assert await the_only(store) == replace(done, attempts=1)
    assert list(await store.waiting("ops")) == []
    assert dict(await store.depth()) == {}
    assert not await store.claim(await the_only(store), "me", NOW, stale_before=NOW)


async def test_a_delivery_that_is_not_there_can_be_neither_claimed_nor_released_nor_revived(store: Store) -> None:
    assert not await store.claim(delivery(1), "me", NOW, stale_before=STALE)
    assert not await store.release(delivery(1), "me")
    assert not await store.revive("n1", NOW)


async def test_a_dead_letter_is_put_back_and_nothing_else_is(store: Store) -> None:
    dead = delivery(1, state=DeliveryState.DEAD, attempts=3, error="gone", ended_at=NOW)
    await store.write(Batch(deliveries=[dead, delivery(2), delivery(3, state=DeliveryState.SENT, ended_at=NOW)]))
    assert not await store.revive("n2", NOW)
    assert not await store.revive("n3", NOW)
    assert await store.revive("n1", NOW + HOUR)
    assert not await store.revive("n1", NOW)
    first, _ = await store.waiting("ops")
    assert first == replace(dead, state=DeliveryState.WAITING, due_at=NOW + HOUR, ended_at=None)
    assert await store.claim(first, "me", NOW, stale_before=STALE)


async def test_a_delivery_written_again_does_not_come_back_to_life(store: Store) -> None:
    batch = Batch(alerts=[alert("a", told=told(AlertState.FIRING))], deliveries=[delivery(1), delivery(2)])
    await store.write(batch)
    assert await store.claim(delivery(1), "me", NOW, stale_before=STALE)
    assert await store.claim(delivery(2), "me", NOW, stale_before=STALE)
    assert await store.release(replace(delivery(1), state=DeliveryState.SENT, ended_at=NOW), "me")
    before = await store.deliveries()
    await store.write(batch)
    assert await store.deliveries() == before
    assert [found.id for found in await store.waiting("ops")] == ["n2"]


async def test_two_deliveries_of_one_number_are_a_fault_that_is_said_and_nothing_of_the_batch_is_kept(
    store: Store,
) -> None:
    await store.write(Batch(deliveries=[delivery(1)]))
    event = Event(id=1, at=NOW, kind=EventKind.RULE_RESET)
    with pytest.raises(StoreUnwritableError) as caught:
        await store.write(Batch(alerts=[alert("a")], deliveries=[replace(delivery(1), id="other")], events=[event]))
    assert caught.value.permanent
    with pytest.raises(StoreUnwritableError):
        await store.write(Batch(deliveries=[delivery(2), replace(delivery(2), id="other")]))
    assert [found.id for found in await store.deliveries()] == ["n1"]
    assert list(await store.alerts(AlertQuery())) == []
    assert list(await store.events(EventQuery())) == []


async def test_the_highest_number_and_what_was_made_within_the_hour_are_loaded(store: Store) -> None:
    await store.write(
        Batch(
            deliveries=[
                delivery(1, "ops", NOW - 2 * HOUR),
                delivery(9, "chat", NOW - SECOND, state=DeliveryState.SENT, ended_at=NOW),
                delivery(5, "ops", NOW - HOUR),
                delivery(6, "pager", NOW - HOUR + SECOND, state=DeliveryState.DEAD, ended_at=NOW),
                delivery(7, "ops", NOW - SECOND),
            ]
        )
    )
    snapshot = await store.load(NOW)
    assert snapshot.last_delivery == 9
    assert list(snapshot.recent_deliveries) == [
        ("pager", NOW - HOUR + SECOND),
        ("ops", NOW - SECOND),
        ("chat", NOW - SECOND),
    ]


# ── Forgetting, closing ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_prune_forgets_what_ended_long_ago_and_never_what_lasts_or_waits(store: Store) -> None:
    old, before = NOW - 9 * DAY, NOW - 2 * DAY
    await store.write(
        Batch(
            alerts=[
                alert("lasts", old),
                alert("is pending", old, state=AlertState.PENDING, fired_at=None),
                ended("ended late", old, before),
                ended("unheard", old, before - SECOND, told=told(AlertState.FIRING)),
                ended("dismissed", old, before - SECOND, dismissed=True),
                *(ended(f"e{number}", old, before - number * SECOND) for number in range(1, 90)),
            ],
            deliveries=[
                delivery(1, at=old),
                delivery(2, at=old, state=DeliveryState.SENT, ended_at=before),
                delivery(3, at=old, state=DeliveryState.DEAD, ended_at=before - SECOND),
                *(
                    delivery(number, at=old, state=DeliveryState.SENT, ended_at=before - SECOND)
                    for number in range(4, 90)
                ),
            ],
        )
    )
    assert await store.prune(NOW, events_before=before, observations_before=NOW) == 89 + 87
    kept = {"lasts", "is pending", "ended late", "unheard", "dismissed"}
    assert {found.id for found in await store.alerts(AlertQuery())} == kept
    assert [found.number for found in await store.deliveries()] == [2, 1]
    assert await store.prune(NOW, events_before=before, observations_before=NOW) == 0


async def test_prune_keeps_a_day_of_what_was_told_however_little_is_wanted(store: Store) -> None:
    def done(number: int, ago: int) -> Delivery:
        return delivery(number, at=NOW - 3 * DAY, state=DeliveryState.SENT, ended_at=NOW - ago * HOUR)

    await store.write(
        Batch(
            alerts=[ended("old", NOW - 3 * DAY, NOW - 25 * HOUR), ended("new", NOW - 3 * DAY, NOW - 23 * HOUR)],
            deliveries=[done(1, 25), done(2, 23)],
        )
    )
    assert await store.prune(NOW, events_before=NOW, observations_before=NOW) == 2
    assert [found.id for found in await store.alerts(AlertQuery())] == ["new"]
    assert [found.number for found in await store.deliveries()] == [2]


async def test_a_closed_store_takes_no_claim(store: Store) -> None:
    dead = delivery(2, state=DeliveryState.DEAD, ended_at=NOW)
    await store.write(Batch(deliveries=[delivery(1), dead]))
    await store.close()
    for change in (
        store.claim(delivery(1), "me", NOW, stale_before=STALE),
        store.release(delivery(1), "me"),
        store.revive("n2", NOW),
    ):
        with pytest.raises(StoreUnwritableError):
            await change
