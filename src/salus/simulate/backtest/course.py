"""The course that a check takes in a replay: as recorded, but for what the replay heals sooner, or leaves bad.

well ──(a spell begins)──> bad ──(the record says that it passed)──────────────> well
                            ├──(an action works, sooner than it did then)──────> well, as after the spell
                            └──(Salus healed it then, and the replay has not)──> held ──(an action works)──> well
                                                                                  └──(let go)─────────────> well
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import groupby
from typing import NamedTuple

from salus.model import Observation
from salus.simulate.backtest.spells import Run, Spell, Track

SLACK = 2.0  # an action that began this much after one was over is no longer that one
EARLY = 0.1
EVER = float("inf")


class Turn(IntEnum):
    """What can happen to a check at a moment, in the order in which it does."""

    STEP = 0
    END = 1
    BEGIN = 2


class Mark(NamedTuple):
    """Something that happens to a check."""

    at: float
    turn: Turn
    spell: Spell | None = None


class Moment(NamedTuple):
    """Marks of one check that come together.

    Attributes:
        shown: from when on a look sees them.
        at: when the look came that saw them then.
        marks: what happens, in order.
    """

    shown: float
    at: float
    marks: list[Mark]


def moments(track: Track) -> Iterator[Moment]:
    """Yield each moment of a track.

    Looks come a little late, and take a little time; those of a replay do not. So a change can be seen a little before
    the look that saw it then: else one that is due at the same moment would count one bad look more, and one that is
    made because of another check (before acting, Salus looks around) would see nothing yet.
    """
    found = [Mark(step.at, Turn.STEP) for step in track.steps]
    found += [Mark(spell.began, Turn.BEGIN, spell) for spell in track.spells]
    found += [Mark(spell.ended, Turn.END, spell) for spell in track.spells]
    found.sort(key=lambda mark: (mark.at, mark.turn))
    before = 0.0
    for at, together in groupby(found, key=lambda mark: mark.at):
        yield Moment(at - min(EARLY, (at - before) / 2), at, list(together))
        before = at


@dataclass(slots=True, eq=False, kw_only=True)
class Fate:
    """What became of a spell in a replay.

    Attributes:
        spell: the spell.
        recoveries: ids of those that were begun for its check, or for another one on its target.
        refusals: reasons of the rules of its check, and how often they began.
        said: what its rules said last, by rule; empty where one acted.
        ran: kinds of actions that ran, and how often.
        untried: one of them was never tried in this spell, so nobody knows whether it helps.
        healed_at: when an action worked.
        let_go_at: when the replay left it bad, and the record went on.
        cut_off: nobody looked any more, or the history ended, before it was over in the replay.
        gave_up: a rule spent its last attempt.
        would_act_at: when a rule said its last word: it asks a person, or only observes.
    """

    spell: Spell
    recoveries: list[str] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    said: dict[str, str] = field(default_factory=dict)
    ran: Counter[str] = field(default_factory=Counter)
    untried: bool = False
    healed_at: float | None = None
    let_go_at: float | None = None
    cut_off: bool = False
    gave_up: bool = False
    would_act_at: float | None = None


@dataclass(slots=True, eq=False)
class Course:
    """One check in a replay.

    Attributes:
        track: what it was in truth.
        place: the step that holds now, -1 before the first.
        fate: the spell that goes on now, or None.
        held: that spell is over by the record, and not in the replay.
        well_at: from when on the replay has healed it.
        waiting: a spell on a condition that begins when this one is over.
        fates: all spells so far.
    """

    track: Track
    place: int = -1
    fate: Fate | None = None
    held: bool = False
    well_at: float = EVER
    waiting: Spell | None = None
    fates: list[Fate] = field(default_factory=list)
    _bad: Observation | None = None

    def answer(self, now: float) -> Observation | None:
        """Return what the check says now; None when nobody looked."""
        if self.fate is not None:
            if now >= self.well_at:
                return self.fate.spell.after
            if self.held:
                return self._bad
        return self.recorded

    @property
    def recorded(self) -> Observation | None:
        """Return what it said in truth."""
        return self.track.steps[self.place].look if self.place >= 0 else None

    def begin(self, spell: Spell) -> None:
        """Enter a spell."""
        self.fate, self.held, self.well_at, self._bad = Fate(spell=spell), False, EVER, None
        self.fates.append(self.fate)

    def move(self) -> None:
        """Go on to the next step of the record."""
        look, fate = self.recorded, self.fate
        if look is not None and fate and not self.held and (look.status.bad or fate.spell.on_condition):
            self._bad = look
        self.place += 1

    def hold(self) -> None:
        """Stay bad, although the record is well."""
        self.held, self._bad = True, self._bad or self.recorded

    def leave(self, now: float) -> Fate | None:
        """Leave the spell; the record holds from now on."""
        fate, held, well = self.fate, self.held, self.well_at <= now
        self.fate, self.held, self.well_at = None, False, EVER
        if fate is not None and held and not well:
            fate.let_go_at = now
        return fate

    # ── actions ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def repeat(self, kind: str, now: float) -> Run | None:
        """Begin an action; returns the run of the past that it repeats, None when it was never tried in this spell.

        The first of the replay repeats the first, the second the second; but none that was over already, for then the
        next one shows what an action could do. After the last one all repeat that.
        """
        if self.fate is None:
            return None
        known = [run for run in self.fate.spell.runs if alike(kind, run.kind)]
        before = self.fate.ran[kind]
        self.fate.ran[kind] += 1
        self.fate.untried = self.fate.untried or not known
        if not known:
            return None
        over = sum(1 for run in known if run.over + SLACK < now)
        return known[min(max(before, over), len(known) - 1)]

    def cure(self, at: float, *, healed: bool = True) -> None:
        """Be well from a moment on, until the record is well too: ``healed`` itself, or with its root."""
        if self.fate is not None and self.well_at == EVER:
            self.well_at = at
            self.fate.healed_at = at if healed else None


def alike(kind: str, other: str) -> bool:
    """Tell whether what an action of one kind does, one of the other kind does too: a restart starts."""
    return kind == other or (kind, other) == ("restart_service", "start_service")
