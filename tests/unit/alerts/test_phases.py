"""The life of an alert: every change of phase is in the table, and all of the table happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salus.alerts.labels import of_check
from salus.alerts.match import Sight
from salus.alerts.phases import TRANSITIONS, Phase, phase, transition
from salus.model import Alert, AlertState, Happening, Level, RouteSpec
from tests.unit.alerts.scene import CHECKS, RULES, SETTINGS, Scene

Seen = list[tuple[Phase, Phase]]
Story = Callable[["Witness"], None]

PLAIN = (RouteSpec(channels=("chat",), group_by=("...",), group_wait=10),)


@dataclass
class Witness(Scene):
    """A book of alerts that writes down every change of phase, of every alert."""

    seen: Seen = field(default_factory=list)
    phases: dict[str, Phase] = field(default_factory=dict)
    judged: int = 0
    blind: bool = False

    def settle(self) -> None:
        super().settle()
        self.watch()

    def restart(self) -> None:
        """Look away until the new book has taken up what the old one left."""
        self.blind = True
        super().restart()
        self.blind = False
        self.watch()

    def watch(self) -> None:
        """See what became of every alert; whatever has left the desk is nothing any more."""
        if self.blind:
            return
        for change in self.changes[self.judged :]:
            self._see(change.before, change.after)
        self.judged = len(self.changes)
        here = {alert.id for alert in self.desk.alerts.values()}
        for name in [name for name in self.phases if name not in here]:
            if (old := self.phases.pop(name)) is not Phase.NOTHING:
                self.seen.append((old, Phase.NOTHING))

    def _see(self, before: Alert | None, after: Alert | None) -> None:
        old, new = phase(before), phase(after)
        alert = after or before
        assert alert is not None
        known = self.phases.get(alert.id, Phase.NOTHING)
        assert known is old, f"{alert.id} was {known}, and changes as if it were {old}"
        self.phases[alert.id] = new
        if old is not new:
            self.seen.append((old, new))

    def recovers(self, check: str) -> None:
        """Let something without duration be told."""
        rule = replace(RULES["down"], name="recovered", status=None, on=(Happening.RECOVERED,))
        labels = of_check(rule, CHECKS[check], Level.INFO, {})
        sight = Sight(rule=rule, labels=labels, level=Level.INFO, holds=True, since=self.now, check=check, moment=True)
        self.keep(self.book.see(sight, self.now))
        self.settle()


def witness() -> Witness:
    return Witness(settings=replace(SETTINGS, routes=PLAIN, inhibit=()))


def it_ends_before_it_was_long_enough(told: Witness) -> None:
    told.sees("slow", "disk", holds=True)
    told.pass_time(20)
    told.sees("slow", "disk", holds=False)


def it_lasts_and_ends(told: Witness) -> None:
    told.sees("slow", "disk", holds=True)
    told.pass_time(60)
    told.sees("slow", "disk", holds=False)
    told.pass_time(60)


def a_person_takes_it(told: Witness) -> None:
    told.sees("down", "disk", holds=True)
    told.acknowledge("down", "disk")
    told.pass_time(60)
    told.sees("down", "disk", holds=False)
    told.pass_time(5)
    told.sees("down", "disk", holds=True)
    told.pass_time(60)
    assert (Phase.RESOLVED, Phase.ACKNOWLEDGED) in told.seen


def it_is_back_before_its_end_was_told(told: Witness) -> None:
    told.sees("down", "disk", holds=True)
    told.pass_time(60)
    told.sees("down", "disk", holds=False)
    told.pass_time(5)
    told.sees("down", "disk", holds=True)
    assert (Phase.RESOLVED, Phase.FIRING) in told.seen


def a_person_ends_it_while_it_lasts(told: Witness) -> None:
    told.sees("down", "disk", holds=True)
    told.pass_time(60)
    told.dismiss("down", "disk")
    told.pass_time(60)
    told.sees("down", "disk", holds=True)
    told.sees("down", "disk", holds=False)
    told.pass_time(60)


def it_flaps(told: Witness) -> None:
    for _ in range(6):
        told.sees("down", "disk", holds=True)
        told.pass_time(30)
        told.sees("down", "disk", holds=False)
        told.pass_time(30)
    told.sees("down", "disk", holds=True)
    told.acknowledge("down", "disk")
    told.sees("down", "disk", holds=False)
    told.sees("down", "disk", holds=True)
    told.sees("down", "disk", holds=False)
    told.pass_time(1000)
    assert (Phase.QUIET, Phase.ACKNOWLEDGED) in told.seen


def a_recovery_succeeds(told: Witness) -> None:
    told.recovers("disk")
    told.pass_time(60)


STORIES: tuple[Story, ...] = (
    it_ends_before_it_was_long_enough,
    it_lasts_and_ends,
    a_person_takes_it,
    it_is_back_before_its_end_was_told,
    a_person_ends_it_while_it_lasts,
    it_flaps,
    a_recovery_succeeds,
)


def strange(seen: Seen) -> list[str]:
    return [f"{old} -> {new}" for old, new in seen if transition(old, new) is None]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_a_story_has_no_change_that_is_not_in_the_table(story: Story) -> None:
    told = witness()
    story(told)
    assert told.seen
    assert strange(told.seen) == []


def test_every_row_of_the_table_happens() -> None:
    happened = set()
    for story in STORIES:
        told = witness()
        story(told)
        happened |= {transition(old, new) for old, new in told.seen}
    assert [row.happens for row in TRANSITIONS if row not in happened] == []


def test_no_way_is_in_the_table_twice() -> None:
    ways = [(old, new) for row in TRANSITIONS for old in row.old for new in row.new]
    assert len(ways) == len(set(ways))


def test_every_state_has_a_phase_and_every_phase_is_reached() -> None:
    assert {phase.value for phase in Phase} >= {state.value for state in AlertState}
    assert {phase for row in TRANSITIONS for phase in row.new} == set(Phase)


STEP = st.one_of(
    st.tuples(st.just("see"), st.sampled_from(sorted(RULES)), st.sampled_from([True, True, False, None])),
    st.tuples(st.sampled_from(["acknowledge", "dismiss", "recover", "restart"]), st.sampled_from(sorted(RULES))),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 12.0, 31.0, 90.0, 400.0, 1000.0])),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEP, max_size=40))
def test_whatever_happens_there_is_no_change_that_is_not_in_the_table(steps: list[tuple[object, ...]]) -> None:
    told = witness()
    for step in steps:
        match step:
            case ("see", str(name), bool() | None as holds):
                told.sees(name, "disk", holds=holds)
            case ("acknowledge", str(name)):
                told.acknowledge(name, "disk")
            case ("dismiss", str(name)):
                told.dismiss(name, "disk")
            case ("recover", str()):
                told.recovers("disk")
            case ("restart", str()):
                told.restart()
            case ("wait", float(seconds)):
                told.pass_time(seconds)
    assert strange(told.seen) == []
