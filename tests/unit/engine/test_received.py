"""Alerts of others: what fires, what has ended, what lapsed in silence, and what survives a restart."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.engine.received import MOST, ReceivedBox, fingerprint
from salus.errors import StoreUnreadableError
from salus.matchers import parse_matchers
from salus.model import Json, Memo
from tests.looks import NOON
from tests.received import alert, at

LATENCY = parse_matchers('alertname="HighLatency"')
ANY = parse_matchers('alertname=~".+"')


class Kept:
    """What a ledger would remember."""

    def __init__(self) -> None:
        self.memos: dict[str, Mapping[str, Json]] = {}
        self.writes = 0

    def __call__(self, memo: Memo) -> None:
        self.writes += 1
        if memo.value is None:
            self.memos.pop(memo.key)
        else:
            self.memos[memo.key] = memo.value


def firing(box: ReceivedBox, seconds: float) -> list[str]:
    return [each.labels["alertname"] for each in box.matching(ANY, at(seconds)) if each.fires(at(seconds))]


def test_an_alert_fires_until_its_sender_says_that_it_has_ended() -> None:
    box = ReceivedBox()
    box.take([alert()], "api", at(0))
    assert firing(box, 1) == ["HighLatency"]
    box.take([alert(when=60, lasts=0)], "api", at(60))
    assert firing(box, 61) == []
    (ended,) = box.matching(LATENCY, at(61))
    assert ended.resolved
    assert not ended.lapsed(at(61))


def test_an_end_that_passes_in_silence_is_no_recovery() -> None:
    box = ReceivedBox()
    box.take([alert()], "api", at(0))
    (silent,) = box.matching(LATENCY, at(241))
    assert not silent.fires(at(241))
    assert silent.lapsed(at(241))


def test_a_lapsed_alert_is_gone_when_its_sender_goes_on_talking_and_does_not_mention_it() -> None:
    box = ReceivedBox()
    box.take([alert()], "api", at(0))
    box.take([alert("Other", 300)], "api", at(300))
    assert box.matching(LATENCY, at(300)), "a sender that comes back may not have said everything yet"
    box.take([alert("Other", 600)], "api", at(600))
    assert not box.matching(LATENCY, at(600))


def test_another_sender_says_nothing_about_a_lapsed_alert() -> None:
    box = ReceivedBox()
    box.take([alert()], "api", at(0))
    box.take([alert("Other", 900, source="webhook")], "webhook", at(900))
    assert box.matching(LATENCY, at(900))


def test_a_lapsed_alert_is_gone_after_an_hour_whatever_happens() -> None:
    box = ReceivedBox()
    box.take([alert()], "api", at(0))
    assert box.matching(LATENCY, at(240 + 3599))
    assert not box.matching(LATENCY, at(240 + 3600))


def test_exactly_the_checks_that_a_change_concerns_are_named() -> None:
    box = ReceivedBox()
    web = parse_matchers('alertname="HighLatency", service="web"')
    box.listen({"web": [web], "any": [LATENCY, ANY], "disk": [parse_matchers("alertname=DiskFull")]})
    assert set(box.take([alert(service="web")], "api", at(0)) or ()) == {"web", "any"}
    assert set(box.take([alert(service="api")], "api", at(1)) or ()) == {"any"}
    assert box.take([alert(when=60, service="web")], "api", at(60)) == (), "told again, nothing changed"
    assert set(box.take([alert(when=61, lasts=0, service="web")], "api", at(61)) or ()) == {"web", "any"}
    assert box.take([alert(when=62, lasts=0, service="web")], "api", at(62)) == ()


def test_an_alert_that_lapsed_and_then_ends_names_its_checks() -> None:
    box = ReceivedBox()
    box.listen({"web": [LATENCY]})
    box.take([alert()], "api", at(0))
    assert box.take([alert(when=300, lasts=0)], "api", at(300)) == ("web",)


def test_new_listeners_find_what_arrived_before_them() -> None:
    box = ReceivedBox()
    box.take([alert(), alert("DiskFull")], "api", at(0))
    box.listen({"web": [LATENCY]})
    assert [each.labels["alertname"] for each in box.matching(LATENCY, at(1))] == ["HighLatency"]
    assert box.take([alert(when=2, lasts=0)], "api", at(2)) == ("web",)


def test_what_ends_without_having_been_known_is_not_kept() -> None:
    box = ReceivedBox()
    assert box.take([alert(lasts=0), alert("DiskFull", lasts=0)], "api", at(0)) == ()
    assert len(box) == 0
    assert box.heard() == at(0)


def test_only_what_begins_and_ends_is_remembered_and_not_every_repetition() -> None:
    kept = Kept()
    box = ReceivedBox(kept)
    for minute in range(30):
        box.take([alert(when=60.0 * minute, began=0)], "api", at(60.0 * minute))
    assert kept.writes == 1
    box.take([alert(when=1800, lasts=0)], "api", at(1800))
    assert kept.writes == 2
    assert kept.memos == {}


def test_what_fired_when_salus_ended_still_fires_for_the_next_one() -> None:
    kept = Kept()
    ReceivedBox(kept).take([alert(lasts=43200, source="webhook")], "webhook", at(0))
    box = ReceivedBox(kept)
    box.load(kept.memos, at(3600))
    assert firing(box, 3601) == ["HighLatency"]
    box.take([alert(when=3700, lasts=0, source="webhook")], "webhook", at(3700))
    assert kept.memos == {}


def test_what_should_have_been_repeated_since_salus_ended_has_lapsed_and_is_neither_firing_nor_well() -> None:
    kept = Kept()
    ReceivedBox(kept).take([alert()], "api", at(0))
    box = ReceivedBox(kept)
    box.load(kept.memos, at(86400))
    (unsure,) = box.matching(LATENCY, at(86410))
    assert unsure.lapsed(at(86410))
    box.take([alert(when=86420, began=0)], "api", at(86420))
    assert firing(box, 86421) == ["HighLatency"]


def test_what_is_remembered_in_other_words_is_not_guessed_at() -> None:
    with pytest.raises(StoreUnreadableError, match="received:1"):
        ReceivedBox().load({"received:1": {"labels": 5}}, NOON)


def test_the_oldest_that_ended_make_room_and_what_fires_never_does() -> None:
    kept = Kept()
    box = ReceivedBox(kept, most=3)
    box.take([alert("A"), alert("B"), alert("C")], "api", at(0))
    box.take([alert("B", 1, 0)], "api", at(1))
    box.take([alert("C", 2, 0)], "api", at(2))
    assert box.take([alert("D", 3)], "api", at(3)) is not None
    assert {each.labels["alertname"] for each in box.matching(ANY, at(3))} == {"A", "C", "D"}
    assert box.take([alert("E", 4), alert("F", 4)], "api", at(4)) is None
    assert firing(box, 4) == ["D", "A"], "a request that is refused changes nothing"
    assert box.heard() == at(3)
    assert box.take([alert("E", 5)], "api", at(5)) is not None
    assert len(box) == 3
    assert {memo["labels"]["alertname"] for memo in kept.memos.values()} == {"A", "D", "E"}  # type: ignore[index,call-overload]


def test_a_storm_of_a_full_box_is_bounded() -> None:
    box = ReceivedBox()
    for start in range(0, 10_000, 1000):
        box.take([alert(str(number)) for number in range(start, start + 1000)], "api", at(0))
    assert len(box) == MOST


def test_the_identity_of_an_alert_is_its_labels_whatever_their_order() -> None:
    assert fingerprint({"a": "1", "b": "2"}) == fingerprint({"b": "2", "a": "1"})
    assert fingerprint({"a": "1", "b": "2"}) != fingerprint({"a": "1b", "": "2"})
    assert len(fingerprint({})) == 16


NAMES = st.sampled_from(["A", "B", "C", "D", "E"])
TOLD = st.lists(
    st.tuples(st.lists(st.tuples(NAMES, st.sampled_from([0.0, 240.0]))), st.floats(0, 200), st.booleans()), max_size=30
)


@given(TOLD)
def test_the_last_word_on_each_alert_counts_bounded_and_across_restarts(
    requests: list[tuple[list[tuple[str, float]], float, bool]],
) -> None:
    kept = Kept()
    box = ReceivedBox(kept, most=4)
    model: dict[str, float] = {}
    seconds = 0.0
    for told, pause, restart in requests:
        seconds += pause
        if restart:
            box = ReceivedBox(kept, most=4)
            box.load(kept.memos, at(seconds))
            box.listen({"any": [ANY]})
        alerts = [alert(name, seconds, lasts) for name, lasts in told]
        if box.take(alerts, "api", at(seconds)) is not None:
            model |= {name: seconds + lasts for name, lasts in told}
        assert len(box) <= 4
        fires = set(firing(box, seconds))
        expected = {name for name, until in model.items() if until > seconds}
        # After a restart only what was remembered when it began is known to fire; the rest has lapsed, none is lost.
        known = {each.labels["alertname"] for each in box.matching(ANY, at(seconds)) if not each.resolved}
        assert fires <= expected <= known
        assert {memo["labels"]["alertname"] for memo in kept.memos.values()} >= expected  # type: ignore[index,call-overload]
