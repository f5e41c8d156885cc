"""Incidents are told to the public in words about what they know."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from salus.model import Event, EventKind, Outcome, Status
from salus.model.history import Incident
from salus.surfaces.statuspage.public import Condition, Trouble
from salus.surfaces.statuspage.telling import MOST_UPDATES, Chosen, Speaker, trouble
from tests.fake_agent import NOW
from tests.fake_status import event, turned

CHOSEN = Chosen(
    {"Website": ("web",), "Payment": ("api", "queue")},
    {"web": Speaker(("Website",)), "api": Speaker(("Payment",)), "queue": Speaker(("Payment",))},
)


def at(minutes: float) -> timedelta:
    return timedelta(minutes=minutes)


def told(events: list[Event], *checks: str, ended: float | None = None, status: Status = Status.UNHEALTHY) -> Trouble:
    incident = Incident(
        id="web:1",
        title="web on 10.9.8.7",
        started_at=NOW,
        ended_at=None if ended is None else NOW + at(ended),
        status=status,
        checks=checks or ("web",),
    )
    found = trouble(incident, events, CHOSEN)
    assert found is not None
    return found


def texts(one: Trouble) -> list[str]:
    return [update.text for update in one.updates]


def test_an_outage_is_told_from_its_beginning_to_its_end() -> None:
    one = told(
        [
            turned("web", Status.UNHEALTHY, NOW),
            event(EventKind.RECOVERY_STARTED, "web", NOW + at(1)),
            event(EventKind.RECOVERY_FINISHED, "web", NOW + at(2), reason=Outcome.NOT_RECOVERED.value),
            event(EventKind.RECOVERY_STARTED, "web", NOW + at(3)),
            event(EventKind.RECOVERY_FINISHED, "web", NOW + at(4), reason=Outcome.RECOVERED.value),
            turned("web", Status.HEALTHY, NOW + at(4)),
        ],
        ended=4,
    )
    assert (one.title, one.impact, one.stage) == ("Outage of Website", "major", "resolved")
    assert texts(one) == [
        "Website is down.",
        "An automatic repair has begun.",
        "The automatic repair has not helped yet.",
        "An automatic repair has begun.",
        "The automatic repair worked.",
        "Website works again, after 4 minutes.",
    ]


def test_a_repair_that_is_verified_a_moment_after_the_end_stands_before_the_last_word() -> None:
    one = told(
        [
            turned("web", Status.UNHEALTHY, NOW),
            event(EventKind.RECOVERY_STARTED, "web", NOW + at(1)),
            turned("web", Status.HEALTHY, NOW + at(4)),
            event(EventKind.RECOVERY_FINISHED, "web", NOW + at(4.01), reason=Outcome.RECOVERED.value),
        ],
        ended=4,
    )
    assert texts(one)[-2:] == ["The automatic repair worked.", "Website works again, after 4 minutes."]
    assert [update.at for update in one.updates] == sorted(update.at for update in one.updates)


def test_what_falls_together_is_told_together_and_some_of_many_is_partly() -> None:
    one = told(
        [
            turned("web", Status.DEGRADED, NOW),
            turned("api", Status.UNHEALTHY, NOW + at(2)),
            turned("queue", Status.UNHEALTHY, NOW + at(2.5)),
            turned("web", Status.HEALTHY, NOW + at(9)),
        ],
        "web",
        "api",
        "queue",
    )
    assert (one.title, one.impact) == ("Outage of Website and Payment", "critical")
    assert texts(one) == [
        "Website is slower or less reliable than usual.",
        "Payment is partly down.",
        "Payment is down.",
        "Website works again.",
    ]
    assert one.stage == "monitoring"


def test_two_that_fall_in_the_same_minute_are_one_sentence() -> None:
    one = told([turned("web", Status.UNHEALTHY, NOW), turned("api", Status.DEGRADED, NOW)], "web", "api")
    assert texts(one) == ["Website is down.", "Payment is slower or less reliable than usual."]
    both = told([turned("web", Status.DEGRADED, NOW), turned("api", Status.DEGRADED, NOW + at(0.5))], "web", "api")
    assert texts(both) == ["Website and Payment are slower or less reliable than usual."]
    assert both.impact == "minor"


def test_what_the_public_does_not_know_makes_no_incident_longer_or_worse() -> None:
    one = told(
        [
            turned("disk", Status.UNHEALTHY, NOW - at(60)),
            turned("web", Status.DEGRADED, NOW),
            turned("web", Status.HEALTHY, NOW + at(5)),
            turned("disk", Status.HEALTHY, NOW + at(90)),
        ],
        "disk",
        "web",
        ended=90,
    )
    assert (one.started_at, one.ended_at, one.impact) == (NOW, NOW + at(5), "minor")
    assert texts(one)[-1] == "Website works again, after 5 minutes."


def test_an_incident_of_what_the_public_does_not_know_is_not_told() -> None:
    incident = Incident(id="x", title="disk", started_at=NOW, checks=("disk",))
    assert trouble(incident, [turned("disk", Status.UNHEALTHY, NOW)], CHOSEN) is None


def test_without_events_the_beginning_and_the_end_are_told() -> None:
    one = told([], ended=30)
    assert texts(one) == ["Website is down.", "Website works again, after 30 minutes."]
    assert told([], status=Status.DEGRADED).title == "Degraded performance of Website"


def test_what_cannot_be_told_changes_nothing() -> None:
    one = told([turned("web", Status.UNHEALTHY, NOW), turned("web", Status.UNKNOWN, NOW + at(1))])
    assert texts(one) == ["Website is down."]
    assert one.ended_at is None


def test_a_long_story_loses_its_middle() -> None:
    statuses = (Status.UNHEALTHY, Status.HEALTHY)
    events = [turned("web", statuses[number % 2], NOW + at(number * 2)) for number in range(101)]
    one = told(events)
    assert len(one.updates) == MOST_UPDATES + 1
    assert any("more times" in text for text in texts(one))


KINDS = st.sampled_from([EventKind.STATUS_CHANGED, EventKind.RECOVERY_STARTED, EventKind.RECOVERY_FINISHED])
CHECKS = ["web", "api", "queue", "disk"]
EVENTS = st.lists(
    st.builds(
        lambda kind, name, new, minutes: event(kind, name, NOW + at(minutes), new),
        KINDS,
        st.sampled_from(CHECKS),
        st.sampled_from([*(status.value for status in Status), "nonsense"]),
        st.floats(0, 600),
    ),
    max_size=30,
)


@given(EVENTS, st.one_of(st.none(), st.floats(0, 600)))
def test_whatever_happened_the_story_is_in_order_and_names_labels_alone(
    events: list[Event], ended: float | None
) -> None:
    one = told(sorted(events, key=lambda each: each.at), *CHECKS, ended=ended)
    assert one.updates
    assert set(one.components) <= {"Website", "Payment"}
    said = " ".join([one.title, *texts(one)])
    assert not any(secret in said for secret in (*CHECKS, "10.9.8.7", "nonsense"))
    assert one.stage == ("resolved" if one.ended_at else one.stage)
    assert one.impact in ("minor", "major", "critical")


def test_a_critical_check_takes_all_of_a_component_with_it() -> None:
    chosen = Chosen(
        {"Payment": ("api", "queue")}, {"api": Speaker(("Payment",), critical=True), "queue": Speaker(("Payment",))}
    )
    assert chosen.judge("Payment", {"api": Status.UNHEALTHY, "queue": Status.HEALTHY}) is Condition.MAJOR
    assert chosen.judge("Payment", {"api": Status.HEALTHY, "queue": Status.UNHEALTHY}) is Condition.PARTIAL
    assert chosen.judge("Payment", {"api": Status.HEALTHY}) is Condition.NO_DATA
    assert chosen.judge("Payment", {}) is Condition.NO_DATA
