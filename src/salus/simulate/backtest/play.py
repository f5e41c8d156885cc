"""The courses of all checks in a replay: what changes when, what is held, healed and let go, and who was told what."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence

from salus.engine.engine import Engine
from salus.model import Event, EventKind, RefusalReason
from salus.ports import Clock
from salus.simulate.backtest.course import EVER, Course, Fate, Moment, Turn, moments
from salus.simulate.backtest.parts import ReplayCheck
from salus.simulate.backtest.services import Services
from salus.simulate.backtest.spells import End, Spell
from salus.simulate.backtest.tracks import History, same
from salus.simulate.score import CALLS

HOLD = 3600.0
_LAST_WORDS = (RefusalReason.OBSERVE_ONLY, RefusalReason.AWAITING_APPROVAL)
_TOLD = (EventKind.RECOVERY_REFUSED, *CALLS)


class Play:
    """Everything that happens to checks and services by the record, and by the replay."""

    def __init__(self, history: History, clock: Clock) -> None:
        """Stand at the beginning; ``plan`` once there is an engine."""
        self._clock = clock
        self.courses = {name: Course(track) for name, track in history.tracks.items()}
        self._by_target: dict[str, list[Course]] = {}
        for course in self.courses.values():
            self._by_target.setdefault(course.track.target, []).append(course)
        self.services = Services(history, self._by_target)
        self.events: list[Event] = []
        self.beside: list[str] = []
        self._engine: Engine

    def plan(self, engine: Engine) -> None:
        """Plan all that happens, for an engine that is about to start."""
        self._engine = engine
        self.services.plan(engine.renew)
        for course in self.courses.values():
            self._go_on(course, moments(course.track))

    def finish(self) -> None:
        """End what goes on: the history is over."""
        for course in self.courses.values():
            self._leave(course, cut_off=True)

    # ── what comes when ───────────────────────────────────────────────────────────────────────────────────────────────

    def _go_on(self, course: Course, coming: Iterator[Moment]) -> None:
        """Plan the next moment at which something happens to a check."""
        if moment := next(coming, None):
            asyncio.get_running_loop().call_at(moment.shown, self._pass, course, moment, coming)

    def _pass(self, course: Course, moment: Moment, coming: Iterator[Moment]) -> None:
        now = self._clock.monotonic()
        before = course.answer(now)
        for mark in moment.marks:
            if mark.spell is None:
                self._step(course)
            elif mark.turn is Turn.END:
                self._end(course, mark.spell)
            else:
                self._begin(course, mark.spell)
        if not same(before, course.answer(now)):
            asyncio.get_running_loop().call_at(moment.at, self._look_at, course)
        self._go_on(course, coming)

    def _look_at(self, course: Course) -> None:
        """Look at what says something else now, unless that was seen already."""
        unit, now = self._engine.units[course.track.check], self._clock.monotonic()
        if isinstance(unit.check, ReplayCheck) and not unit.check.has_said(course.answer(now)):
            unit.check.changed(now)
            self._engine.nudge(unit)

    # ── spells ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _step(self, course: Course) -> None:
        course.move()
        if course.held and course.recorded is None:
            self._leave(course, cut_off=True)

    def _begin(self, course: Course, spell: Spell) -> None:
        """Enter a spell; what was left bad until now is let go, unless no look is bad in the new one."""
        if course.held and spell.on_condition:
            course.waiting = spell
            return
        if course.held:
            self._leave(course)
        course.begin(spell)
        now, root = self._clock.monotonic(), self._course_of(spell.root)
        if root is not None and root.well_at <= now:
            course.cure(now, healed=False)  # what made it bad then is well already

    def _end(self, course: Course, spell: Spell) -> None:
        """Hear that a spell is over by the record; what only the Salus of that time ended goes on."""
        if course.waiting is spell:
            course.waiting = None
            course.fates.append(Fate(spell=spell))
        fate = course.fate
        if fate is None or fate.spell is not spell:
            return
        if course.well_at == EVER and self._goes_on(course, fate):
            course.hold()
            asyncio.get_running_loop().call_later(HOLD, self._let_go, course, fate)
        else:
            self._leave(course, cut_off=spell.end is End.UNWATCHED)

    def _goes_on(self, course: Course, fate: Fate) -> bool:
        if fate.spell.end is End.FOLLOWED:
            return self._course_of(fate.spell.root) is not None
        if fate.spell.end is not End.HEALED or fate.would_act_at is not None:
            return False
        rules = (rule for unit in self._engine.units.values() for rule in unit.rules)
        return any(rule.rule.enabled and course.track.target in rule.targets for rule in rules)

    def _let_go(self, course: Course, fate: Fate) -> None:
        if course.fate is fate and course.held:
            self._leave(course)
            self._look_at(course)

    def _leave(self, course: Course, *, cut_off: bool = False) -> None:
        fate = course.leave(self._clock.monotonic())
        if fate is None:
            return
        fate.cut_off = cut_off
        unit = self._engine.units[course.track.check]
        fate.said = {rule.rule.name: rule.refusal.reason.value for rule in unit.rules if rule.refusal}
        if fate.spell.cured and fate.healed_at is None:
            unit.ailing = False  # the new copy that is seen next was made by Salus then, and by no rival
        if not any(other.fate for other in self._by_target[course.track.target]):
            self.services.settle(course.track.target)
        for leaf, its in self._leaves(fate.spell):
            asyncio.get_running_loop().call_soon(self._let_go, leaf, its)
        if course.waiting is not None:
            course.begin(course.waiting)
            course.waiting = None

    def _cure(self, course: Course, after: float, *, healed: bool = True) -> None:
        """Let a check be well after some seconds, and what is bad only because of it as long after it as then."""
        fate = course.fate
        if fate is None or course.well_at != EVER:
            return
        at = self._clock.monotonic() + after
        course.cure(at, healed=healed)
        asyncio.get_running_loop().call_at(at, self._cured, course, fate)
        for leaf, its in self._leaves(fate.spell):
            self._cure(leaf, after + max(0.0, its.spell.ended - fate.spell.ended), healed=False)

    def _cured(self, course: Course, fate: Fate) -> None:
        if course.fate is fate:
            if course.held:
                self._leave(course)
            self._look_at(course)

    def _course_of(self, spell: Spell | None) -> Course | None:
        """Return the course in which a spell goes on now."""
        course = self.courses[spell.check] if spell else None
        return course if course and course.fate and course.fate.spell is spell else None

    def _leaves(self, root: Spell) -> list[tuple[Course, Fate]]:
        """Return what is bad now only because of a spell."""
        going_on = [(course, course.fate) for course in self.courses.values() if course.fate]
        return [(course, fate) for course, fate in going_on if fate.spell.root is root]

    # ── what an action needs ──────────────────────────────────────────────────────────────────────────────────────────

    def repeat(self, kind: str, targets: Collection[str]) -> _Repeat:
        """Begin an action on these targets."""
        now = self._clock.monotonic()
        met = [course for target in sorted(targets) for course in self._by_target.get(target, ()) if course.fate]
        return _Repeat(kind, met, now, self._cure)

    # ── what is told ──────────────────────────────────────────────────────────────────────────────────────────────────

    def hear(self, event: Event) -> None:
        """Take an event of the replay."""
        if event.kind is EventKind.RECOVERY_STARTED:
            self._began(event.recovery or "")
        if event.kind not in _TOLD:
            return
        self.events.append(event)
        course = self.courses.get(event.check or "")
        fate = course.fate if course else None
        if fate is not None and event.held_back:
            fate.refusals[event.reason or ""] += 1
        if fate is not None and event.kind is EventKind.RULE_EXHAUSTED:
            fate.gave_up = True
        if event.kind is EventKind.RECOVERY_REFUSED and event.reason in _LAST_WORDS:
            self._settle(event.rule or "")

    def _began(self, recovery: str) -> None:
        found = self._engine.healer.running[recovery].record
        fates = [course.fate for target in found.targets for course in self._by_target.get(target, ()) if course.fate]
        for fate in fates:
            fate.recoveries.append(recovery)
        if not fates:
            self.beside.append(recovery)

    def _settle(self, name: str) -> None:
        """Take in that a rule has said its last word about what it could heal."""
        current = self._engine.current(name)
        for target in sorted(current[1].targets) if current else ():
            for course in self._by_target.get(target, ()):
                if course.fate is not None:
                    if course.fate.would_act_at is None:
                        course.fate.would_act_at = self._clock.monotonic()
                    asyncio.get_running_loop().call_soon(self._let_go, course, course.fate)


class _Repeat:
    """An action of the replay under way, for every check on its targets that is in trouble."""

    def __init__(self, kind: str, courses: Sequence[Course], now: float, done: Callable[[Course, float], None]) -> None:
        self._pairs = [(course, course.fate, course.repeat(kind, now)) for course in courses]
        runs = [run for _, _, run in self._pairs if run is not None]
        self._done = done
        self.run = next((run for run in runs if run.healed), runs[0] if runs else None)

    def done(self) -> None:
        """Let what it healed then be well as soon after it as then."""
        for course, fate, run in self._pairs:
            if run is not None and run.healed and course.fate is fate and fate is not None:
                shown = min(fate.spell.ended, run.over) - (run.began + run.took)
                self._done(course, max(0.0, shown))
