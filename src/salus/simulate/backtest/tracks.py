"""From rows of a ledger to what a replay plays: for each check of a config what it said when, and its bad spells. Pure.

What is known of a check, the best source first:

1. Its looks, as far back as they are kept. A look holds until the next one that says something else.
2. Before that, the changes of its verdict, and the first bad look where a recovery names it.
3. Nothing, while no Salus watched, and where a check that is looked at regularly has no look for three times as long as
   it usually has. What nobody looked at is not healthy: it is not known.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from salus.app.build import Resolved
from salus.engine.selfcheck import NAME as SELF
from salus.model import CheckSpec, Event, EventKind, Observation, Outcome, RecoveryRecord, Status, StepResult
from salus.simulate.backtest.spells import End, Run, Spell, Step, Track, find_spells, seconds_unwatched
from salus.store.past import QUIET, Past, Silence

CLOSE = 0.001  # seconds within which two instants are one
LATE_LOOK = 120.0  # a recovery that no look had asked for shows in the next look that is kept
FOLLOWS = 30.0  # seconds in which what depends on something is well again after it
_SLOW_LOOK = 5.0
_USUAL = 3.0

_At: TypeAlias = Callable[[datetime], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All that is replayed.

    Attributes:
        past: the rows it was made of.
        seconds: how long it lasts.
        tracks: by check of the config; those without any history are left out.
        births: when a Salus began to watch, after one that had ended.
        unknown: checks of the config that the ledger does not know.
        gone: checks of the ledger that the config does not know, and how many bad verdicts and recoveries each had.
    """

    past: Past
    seconds: float
    tracks: Mapping[str, Track]
    births: Sequence[float]
    unknown: Sequence[str]
    gone: Mapping[str, tuple[int, int]]

    def at(self, instant: datetime) -> float:
        """Return the seconds of an instant."""
        return (instant - self.past.since).total_seconds()


def make_history(past: Past, resolved: Resolved) -> History:
    """Make of the past what the checks of a config need."""
    return _Making(past, resolved).history()


def target_of(spec: CheckSpec) -> str:
    """Return what a trouble of a check is a trouble of, as recoveries name it."""
    return f"service:{spec.service}" if spec.service else f"check:{spec.name}"


class _Making:
    def __init__(self, past: Past, resolved: Resolved) -> None:
        self._past = past
        self._specs = {name: spec for name, (spec, _) in resolved.checks.items()}
        self._service_roots = resolved.service_roots()
        self._end = self._at(past.until)
        lives = [(self._at(life.began), self._at(life.ended)) for life in past.lives]
        ends = [*(began for began, _ in lives[1:]), self._end]
        self._gaps = [(life[1], began) for life, began in zip(lives, ends, strict=True) if began > life[1]]
        self._verdicts: dict[str, list[Event]] = {}
        for event in (*past.before, *past.events):
            if event.kind is EventKind.STATUS_CHANGED and event.check:
                self._verdicts.setdefault(event.check, []).append(event)

    def _at(self, instant: datetime) -> float:
        return (instant - self._past.since).total_seconds()

    def history(self) -> History:
        every = {name: self._track(name) for name in self._specs}
        tracks = {name: track for name, track in every.items() if any(step.look for step in track.steps)}
        self._tell_recoveries(tracks)
        self._tell_roots(tracks)
        self._tell_words(tracks)
        known = {*self._past.stretches, *self._verdicts} - {SELF}
        return History(
            past=self._past,
            seconds=self._end,
            tracks=tracks,
            births=[began for _, began in self._gaps if 0 < began < self._end],
            unknown=[name for name in self._specs if name not in tracks],
            gone={name: self._lost(name) for name in sorted(known - set(self._specs))},
        )

    def _lost(self, check: str) -> tuple[int, int]:
        bad = sum(1 for event in self._verdicts.get(check, ()) if _turns_bad(event))
        return bad, sum(1 for record in self._past.recoveries if record.check == check)

    # ── one check ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _track(self, check: str) -> Track:
        steps = self._first_bad_looks(check, _clip(self._steps(check)))
        spells = find_spells(check, steps, self._end)
        turns = [self._at(event.at) for event in self._verdicts.get(check, ()) if _turns_bad(event)]
        for spell in spells:
            place = bisect_right(turns, spell.began - CLOSE)
            spell.turned = spell.began <= 0 or (place < len(turns) and turns[place] <= spell.ended + CLOSE)
        return Track(
            check=check,
            target=target_of(self._specs[check]),
            steps=steps,
            spells=spells,
            unwatched=seconds_unwatched(steps, self._end),
        )

    def _steps(self, check: str) -> list[Step]:
        stretches = self._past.stretches.get(check, ())
        kept_from = self._at(stretches[0].look.at) if stretches else self._end
        told = [Step(self._at(event.at), _verdict(event)) for event in self._verdicts.get(check, ())]
        steps = [step for step in told if step.at < kept_from]
        gaps = [Step(began, None) for began, _ in self._gaps]
        # A verdict outlives a restart, and is told again only when it changes; a look is made anew.
        gaps += [Step(ended, _last(steps, ended)) for _, ended in self._gaps if ended < kept_from]
        for stretch in stretches:
            steps.append(Step(self._at(stretch.look.at), stretch.look))
            for began, until, usual in self._silences(check, stretch.silences):
                gaps.append(Step(began + usual, None))
                if until <= self._at(stretch.last):
                    steps.append(Step(until, stretch.look))
        return sorted([*steps, *gaps], key=lambda step: step.at)

    def _silences(self, check: str, silences: Sequence[Silence]) -> Iterator[tuple[float, float, float]]:
        """Yield when nobody can have looked: beginning, end, and how long a look holds."""
        usual = self._usual(check)
        for silence in silences if usual else ():
            began, ended = self._at(silence.began), self._at(silence.ended)
            if ended - began > _USUAL * usual and not self._between_lives(began, ended):
                yield began, ended, usual

    def _usual(self, check: str) -> float:
        """Return how far apart the looks are that are kept, over half of the time; 0 where they are not regular."""
        stretches = self._past.stretches.get(check, ())
        if not self._past.agent or not stretches:
            return 0.0
        pairs = [(self._at(one.began), self._at(one.ended)) for each in stretches for one in each.silences]
        long = sorted(ended - began for began, ended in pairs if not self._between_lives(began, ended))
        whole = self._at(stretches[-1].last) - self._at(stretches[0].look.at)
        passed = whole - sum(long)
        for length in long:
            if passed >= whole / 2:
                break
            passed += length
            if passed >= whole / 2:
                return length
        return QUIET

    def _between_lives(self, began: float, ended: float) -> bool:
        return any(began <= gap[1] and gap[0] <= ended for gap in self._gaps)

    def _first_bad_looks(self, check: str, steps: list[Step]) -> list[Step]:
        """Put in the first bad looks that recoveries name: where only verdicts are known, they came before those."""
        for record in self._past.recoveries:
            if record.check != check or record.failing_since is None:
                continue
            first, decided = self._at(record.failing_since), self._at(record.decided_at)
            place = bisect_right(steps, decided, key=lambda step: step.at) - 1
            while place > 0 and _bad(steps[place - 1]):
                place -= 1
            earlier = place >= 0 and _bad(steps[place]) and 0 < first < steps[place].at - CLOSE
            if earlier and (place == 0 or steps[place - 1].at < first):
                steps.insert(place, Step(first, steps[place].look))
        return steps

    # ── what Salus did and said ───────────────────────────────────────────────────────────────────────────────────────

    def _tell_recoveries(self, tracks: Mapping[str, Track]) -> None:
        """Tell every spell what was done in it: for its own check, or for another one on the same target."""
        bare: dict[str, list[_Recovered]] = {}
        for record in self._past.recoveries:
            one = _Recovered(record, self._at, self._end)
            for track in tracks.values():
                own = track.check == record.check
                if not own and track.target not in record.targets:
                    continue
                spec = self._specs[track.check]
                late = CLOSE if own else max(_SLOW_LOOK, 2 * spec.retry_interval + spec.timeout)
                met = [spell for spell in track.spells if one.meets(spell)]
                for spell in met:
                    one.enter(spell, late)
                if own and not met and not record.manual:  # what a person asked for needs no reason
                    bare.setdefault(track.check, []).append(one)
                    if one.healed is not None:
                        one.enter_on_condition(track, bare.pop(track.check))

    def _tell_roots(self, tracks: Mapping[str, Track]) -> None:
        """Tell the spells that ended because what they depend on was healed. That is looked at soon after it."""
        for name, track in tracks.items():
            roots = [tracks[root] for root in self._roots(name) if root in tracks]
            healed = [spell for root in roots for spell in root.spells if spell.end is End.HEALED]
            for spell in track.spells if healed else ():
                ended = [
                    one for one in healed if spell.began <= one.ended <= spell.ended + CLOSE <= one.ended + FOLLOWS
                ]
                if spell.end is End.PASSED and ended:
                    spell.root = max(ended, key=lambda one: one.ended)
                    spell.end = End.FOLLOWED

    def _roots(self, check: str) -> list[str]:
        """Return what a check depends on by the config, directly or not, itself or through its service."""
        found: list[str] = []
        pending = [check]
        while pending:
            spec = self._specs.get(pending.pop())
            needs = self._service_roots.get(spec.service or "", ()) if spec else ()
            through = [name for name, other in self._specs.items() if other.service in needs]
            for name in (*spec.depends_on, *through) if spec else ():
                if name not in found and name != check:
                    found.append(name)
                    pending.append(name)
        return found

    def _tell_words(self, tracks: Mapping[str, Track]) -> None:
        """Tell every spell what the rules of its check said in it."""
        for event in self._past.events:
            track = tracks.get(event.check or "")
            spell = spell_at(track, self._at(event.at)) if track else None
            if spell is not None and event.held_back:
                spell.refusals[event.reason or ""] += 1
            if spell is not None and event.kind is EventKind.RULE_EXHAUSTED:
                spell.gave_up = True


class _Recovered:
    """A recovery of the past, and the spells that it belongs to."""

    def __init__(self, record: RecoveryRecord, at: _At, end: float) -> None:
        self.record = record
        self._at = at
        self.decided = at(record.decided_at)
        self._ended = at(record.finished_at) if record.finished_at else end
        self.runs = list(self._find_runs())
        self.healed = next((run for run in self.runs if run.healed), None)

    def meets(self, spell: Spell) -> bool:
        """Tell whether they were at the same time."""
        return spell.began <= self._ended + CLOSE and self.decided <= spell.ended + CLOSE

    def enter(self, spell: Spell, late: float) -> None:
        """Tell a spell of it; the look that showed the healing may have come that much later."""
        spell.recoveries.append(self.record)
        for run in self.runs:
            if run.began > spell.ended + CLOSE:
                continue
            ended_it = spell.end is End.PASSED and run.healed and spell.ended <= run.over + late
            spell.runs.append(replace(run, healed=ended_it))
            if ended_it and not self.record.manual:
                spell.end = End.HEALED

    def enter_on_condition(self, track: Track, since: Sequence[_Recovered]) -> None:
        """Make a spell that no look showed: a rule acted on a condition. It began where the one before had ended."""
        healed = self.healed
        assert healed is not None  # noqa: S101 - asked only then
        spells, steps = track.spells, track.steps
        place = bisect_right(spells, self.decided, key=lambda spell: spell.began)
        bare = max((step.at for step in steps if step.look is None and step.at <= self.decided), default=0.0)
        began = max(bare, spells[place - 1].ended if place else 0.0, steps[0].at)
        done, late = healed.began + healed.took, healed.over + LATE_LOOK
        shown = next((step for step in steps if step.look and done <= step.at <= late), None)
        last = _last(steps, self.decided)
        mine = [one for one in since if one.decided >= began]
        spell = Spell(
            check=track.check,
            began=began,
            ended=shown.at if shown else healed.over,
            end=End.HEALED,
            worst=last.status if last else Status.UNKNOWN,
            message=self.record.trigger,
            on_condition=True,
            after=shown.look if shown else last,
            runs=[run for one in mine for run in one.runs],
            recoveries=[one.record for one in mine],
        )
        spells.insert(place, spell)

    def _find_runs(self) -> Iterator[Run]:
        steps = self.record.steps
        for place, step in enumerate(steps):
            if step.verified is None or step.result is StepResult.SKIPPED:
                continue
            after = steps[place + 1].started_at if place + 1 < len(steps) else None
            began = self._at(step.started_at)
            yield Run(
                kind=step.action,
                began=began,
                took=step.duration,
                over=max(began + step.duration, self._at(after) if after else self._ended),
                healed=step.verified and self.record.outcome is Outcome.RECOVERED,
                message=step.message,
                failed=step.result is not StepResult.OK,
            )


# ── Small things ──────────────────────────────────────────────────────────────────────────────────────────────────────


def spell_at(track: Track, at: float) -> Spell | None:
    """Return the spell that goes on at a moment."""
    place = bisect_right(track.spells, at + CLOSE, key=lambda spell: spell.began) - 1
    return track.spells[place] if place >= 0 and at <= track.spells[place].ended + CLOSE else None


def _verdict(event: Event) -> Observation:
    return Observation(status=Status(event.new or Status.UNKNOWN), message=event.message, at=event.at)


def _turns_bad(event: Event) -> bool:
    return event.new in (Status.DEGRADED, Status.UNHEALTHY)


def _bad(step: Step) -> bool:
    return step.look is not None and step.look.status.bad


def _last(steps: Sequence[Step], at: float) -> Observation | None:
    """Return what was said last before a moment."""
    return next((step.look for step in reversed(steps) if step.at <= at), None)


def _clip(steps: Sequence[Step]) -> list[Step]:
    """Begin at zero, with what holds then; leave out what says nothing new."""
    place = bisect_right(steps, 0.0, key=lambda step: step.at)
    head = [Step(0.0, steps[place - 1].look)] if place and steps[place - 1].look is not None else []
    clipped: list[Step] = []
    for step in (*head, *steps[place:]):
        if not clipped or not same(clipped[-1].look, step.look):
            clipped.append(step)
    return clipped


def same(one: Observation | None, other: Observation | None) -> bool:
    """Tell whether two looks say the same, but for the words."""
    if one is None or other is None:
        return one is other
    return (one.status, one.cause, one.incarnation, one.metrics) == (
        other.status,
        other.cause,
        other.incarnation,
        other.metrics,
    )
