"""The schedule: spread starts, no overlap, late once and not in a burst, nudges."""

from __future__ import annotations

import math
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from salus.scheduler import Entry, Schedule


def drain(schedule: Schedule[str], now: float) -> list[str]:
    return [entry.key for entry in schedule.pop_due(now)]


def test_starts_are_spread_over_the_interval() -> None:
    schedule: Schedule[int] = Schedule()
    for number in range(1000):
        schedule.add(number, 10.0, 0.0)
    for entry in schedule.pop_due(10.0):
        schedule.finished(entry, 10.0)
    slots = [0] * 10
    for entry in schedule.pop_due(20.0):
        slots[int(entry.due % 10)] += 1
    assert sum(slots) == 1000
    assert max(slots) - min(slots) <= 3


def test_everything_is_looked_at_soon_after_the_start() -> None:
    schedule: Schedule[int] = Schedule()
    for number in range(500):
        schedule.add(number, 3600.0, 0.0)
    assert len(list(schedule.pop_due(0.5))) == 500


def test_a_look_that_ends_late_is_not_caught_up() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("web", 10.0, 0.0)
    (entry,) = schedule.pop_due(0.0)
    schedule.finished(entry, 47.0)
    assert schedule.next_due() == 50.0
    assert drain(schedule, 50.0) == ["web"]
    assert drain(schedule, 50.0) == []


def test_a_look_that_began_a_moment_early_is_not_repeated_at_its_own_point() -> None:
    schedule: Schedule[str] = Schedule()
    entry = schedule.add("web", 10.0, 0.0)
    assert drain(schedule, 0.0) == ["web"]
    schedule.finished(entry, 0.1)
    assert drain(schedule, 10.0 + 0.0) == ["web"]
    entry.due = 10.0
    schedule.finished(entry, 9.9995)
    assert schedule.next_due() == 20.0


def test_what_runs_is_not_due() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("web", 10.0, 0.0)
    assert drain(schedule, 100.0) == ["web"]
    assert drain(schedule, 1000.0) == []
    assert schedule.next_due() is None


def test_a_nudge_makes_it_due_now() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("web", 10.0, 0.0)
    (entry,) = schedule.pop_due(0.0)
    schedule.finished(entry, 0.1)
    assert schedule.nudge(entry, 3.0)
    assert drain(schedule, 3.0) == ["web"]


def test_a_nudge_while_it_runs_means_once_more_when_it_ends() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("web", 10.0, 0.0)
    (entry,) = schedule.pop_due(0.0)
    schedule.nudge(entry, 0.5)
    schedule.nudge(entry, 0.6)
    schedule.finished(entry, 1.0)
    assert drain(schedule, 1.0) == ["web"]
    schedule.finished(entry, 1.1)
    assert schedule.next_due() == 10.0


def test_a_quick_recheck_comes_ahead_of_the_grid_and_does_not_move_it() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("web", 10.0, 0.0)
    (entry,) = schedule.pop_due(0.0)
    schedule.finished(entry, 0.2, again_at=1.0)
    assert drain(schedule, 1.0) == ["web"]
    schedule.finished(entry, 1.2)
    assert schedule.next_due() == 10.0


def test_what_was_removed_never_comes_back() -> None:
    schedule: Schedule[str] = Schedule()
    entry = schedule.add("web", 10.0, 0.0)
    running = schedule.add("api", 10.0, 0.0)
    assert drain(schedule, 0.0) == ["web"]
    schedule.remove(entry)
    schedule.remove(running)
    schedule.finished(entry, 5.0)
    assert not schedule.nudge(entry, 6.0)
    assert drain(schedule, 1000.0) == []
    assert len(schedule) == 0


def test_after_a_suspend_everything_is_looked_at_within_the_window() -> None:
    schedule: Schedule[int] = Schedule()
    for number in range(100):
        schedule.add(number, 3600.0, 0.0)
    for entry in schedule.pop_due(10.0):
        schedule.finished(entry, 10.0)
    schedule.respread(20.0, 5.0)
    assert len(list(schedule.pop_due(20.5))) <= 12
    assert len(list(schedule.pop_due(25.0))) >= 88


@given(st.lists(st.floats(0.1, 1000), min_size=1, max_size=50), st.floats(0, 1e6))
def test_the_next_look_is_in_the_future_and_at_most_one_interval_away(intervals: list[float], now: float) -> None:
    schedule: Schedule[float] = Schedule()
    entries = [schedule.add(interval, interval, now) for interval in intervals]
    for entry in list(schedule.pop_due(now + 2000)):
        schedule.finished(entry, now + 2000)
    for entry in entries:
        assert now + 2000 < entry.due <= now + 2000 + entry.interval * (1 + 1e-6)


def test_looks_share_a_beat_and_are_spread_over_the_beats_of_their_interval() -> None:
    schedule: Schedule[int] = Schedule(beat=1.0)
    for number in range(20):
        schedule.add(number, 10.0, 1234.56)
    for entry in list(schedule.pop_due(1245.0)):
        schedule.finished(entry, 1245.0)
    due = Counter(entry.due for entry in schedule.pop_due(1255.0))
    assert set(due) == {1246.0 + second for second in range(10)}
    assert max(due.values()) <= 3


@given(st.floats(0.05, 1000), st.floats(0.1, 10), st.floats(0, 1e6))
def test_a_short_interval_takes_a_part_of_the_beat_so_that_five_points_are_left_in_it(
    interval: float, beat: float, now: float
) -> None:
    schedule: Schedule[int] = Schedule(beat)
    entries = [schedule.add(number, interval, now) for number in range(50)]
    points = {round((entry.origin - entries[0].origin) / interval, 6) % 1.0 for entry in entries}
    assert len(points) >= 5
    steps = {entry.origin / beat for entry in entries}
    fraction = max(0, math.ceil(math.log2(5 * beat / interval)))
    assert all(abs(step * 2**fraction - round(step * 2**fraction)) < 1e-3 for step in steps)


class Life(RuleBasedStateMachine):
    """Whatever happens in whatever order: nothing is lost, nothing overlaps, nothing bursts."""

    def __init__(self) -> None:
        super().__init__()
        self.schedule: Schedule[int] = Schedule()
        self.now = 0.0
        self.entries: list[Entry[int]] = []
        self.running: list[Entry[int]] = []

    @rule(interval=st.floats(0.5, 60))
    def add(self, interval: float) -> None:
        self.entries.append(self.schedule.add(len(self.entries), interval, self.now))

    @rule(by=st.floats(0, 30))
    def pass_time(self, by: float) -> None:
        self.now += by
        for entry in self.schedule.pop_due(self.now):
            assert entry not in self.running
            assert entry.due <= self.now
            self.running.append(entry)

    @rule(retry=st.none() | st.floats(0, 5))
    def finish_all(self, retry: float | None) -> None:
        for entry in self.running:
            self.schedule.finished(entry, self.now, again_at=None if retry is None else self.now + retry)
        self.running.clear()

    @rule(which=st.integers(0, 50))
    def nudge(self, which: int) -> None:
        if self.entries:
            self.schedule.nudge(self.entries[which % len(self.entries)], self.now)

    @rule()
    def respread(self) -> None:
        self.schedule.respread(self.now, 5.0)

    @invariant()
    def nothing_is_lost(self) -> None:
        waiting = [entry for entry in self.entries if not entry.running]
        assert len(waiting) + len(self.running) == len(self.entries)
        for entry in waiting:
            assert entry.due <= self.now + entry.interval + 5
        if waiting:
            due = self.schedule.next_due()
            assert due is not None
            assert abs(due - min(entry.due for entry in waiting)) < 1e-9


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
