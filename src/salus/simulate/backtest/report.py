"""A backtest in words: sums side by side, one line for each spell, and what a replay cannot know."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from salus.config import Settings
from salus.model import EventKind, RefusalReason
from salus.simulate.backtest.people import in_words_only
from salus.simulate.backtest.score import Change, Deed, Result, Row, Sums
from salus.simulate.backtest.spells import End
from salus.simulate.backtest.tracks import History
from salus.units import format_duration

NOTHING = "-"
ASSUMED = "what Salus healed would have lasted until what healed it runs again; all else stays as it was seen"
ENDS = {
    End.HEALED: "healed",
    End.FOLLOWED: "followed",
    End.PASSED: "passed",
    End.UNWATCHED: "not known",
    End.OPEN: "still bad",
}
_MOST_NAMES = 5
_WORTH_TELLING = 10.0
_AT_ONCE = 0.0005


def time(seconds: float) -> str:
    """Write a length of time."""
    return "0 s" if seconds < _AT_ONCE else format_duration(seconds if seconds < 10 else round(seconds))


# ── Sums ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Line:
    """One figure: what it is called, and what it is of a side; None where that has none, as the past has no later."""

    name: str
    text: Callable[[Sums], str]
    compared: bool = False


def _count(value: int) -> str:
    return f"{value:,}"


def _some(count: int, by: float | None) -> str:
    return f"{count:,} (median {time(by)})" if count and by is not None else f"{count:,}"


LINES: tuple[Line, ...] = (
    Line("spells acted on", lambda sums: _count(sums.acted)),
    Line("healed", lambda sums: _count(sums.healed)),
    Line("needless", lambda sums: _count(sums.needless)),
    Line("in vain", lambda sums: _count(sums.in_vain)),
    Line("not tried then, so not known", lambda sums: _count(sums.untried), compared=True),
    Line("acts sooner", lambda sums: _some(sums.sooner, sums.sooner_by.median), compared=True),
    Line("acts later", lambda sums: _some(sums.later, sums.later_by.median), compared=True),
    Line("acts where nothing was done", lambda sums: _count(sums.added), compared=True),
    Line("does nothing where Salus acted", lambda sums: _count(sums.dropped), compared=True),
    Line("cut off before it acts", lambda sums: _count(sums.undecided), compared=True),
    Line("time to act, median", lambda sums: _or_nothing(sums.time_to_act.median)),
    Line("time to act, 95%", lambda sums: _or_nothing(sums.time_to_act.p95)),
    Line("attempts that acted", lambda sums: _count(sums.recoveries)),
    Line("called off in time", lambda sums: _count(sums.called_off)),
    Line("calls to a person", lambda sums: _count(sum(sums.calls.values()))),
    Line("refusals", lambda sums: _count(sum(sums.refusals.values()))),
)


def _or_nothing(seconds: float | None) -> str:
    return NOTHING if seconds is None else time(seconds)


def sum_rows(results: Sequence[Result]) -> Iterator[list[str]]:
    """Yield the figures: what was, and then each config."""
    yield ["bad spells", _count(results[0].spells), *(_count(result.spells) for result in results)]
    for line in LINES:
        then = NOTHING if line.compared else line.text(results[0].then)
        yield [line.name, then, *(line.text(result.now) for result in results)]


def counts(words: Mapping[str, int]) -> str:
    """Write how often each word was said."""
    return ", ".join(f"{count} {word.replace('_', ' ')}" for word, count in words.items())


_LAST_WORDS: Mapping[str, str] = {
    RefusalReason.OBSERVE_ONLY: "only says that it would act",
    RefusalReason.AWAITING_APPROVAL: "asks a person",
}


# ── Spells ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def then(row: Row) -> str:
    """Say what was done about a spell."""
    deed = row.then
    if not deed.acts:
        return f"nothing{_because(deed)}"
    when = f"after {time(deed.after)}, " if deed.after is not None else ""
    return f"{when}{_what(deed)}: {_came_of(row, deed)}"


def now(row: Row) -> str:
    """Say what a config would have done about it."""
    deed = row.now
    if not deed.acts and deed.would_act_after is not None:
        return f"{_LAST_WORDS.get(str(deed.why), 'would act')} after {time(deed.would_act_after)}"
    if not deed.acts:
        return f"nothing{' yet' if deed.cut_off else ''}{_because(deed)}"
    if row.change is Change.SAME and (_what(deed), _outcome(deed)) == (_what(row.then), _outcome(row.then)):
        return "the same"
    if row.change is Change.SAME:
        when = "then, "
    elif row.by is not None:
        when = f"{time(abs(row.by))} {row.change.value}, "
    else:
        when = f"after {time(deed.after)}, " if deed.after is not None else "on a condition, "
    return f"{when}{_what(deed)}: {_came_of(row, deed)}"


def _what(deed: Deed) -> str:
    notes = [f"ladder {deed.ladder}"] if deed.ladder > 1 else []
    notes += ["last words"] if not deed.ladder else []
    notes += [f"{deed.attempts} attempts"] if deed.attempts > 1 else []
    return (deed.action or "cut off") + (f" ({', '.join(notes)})" if notes else "")


def _outcome(deed: Deed) -> str:
    known = (
        (deed.healed_after is not None, "healed"),
        (deed.needless, "needless"),
        (deed.untried, "not known, this was not tried then"),
        (deed.gave_up, "gave up"),
    )
    return next((word for holds, word in known if holds), "did not help")


def _came_of(row: Row, deed: Deed) -> str:
    said = _outcome(deed)
    if deed.needless and row.root:
        return f"{said}, {row.root} was the trouble"
    if row.end is End.PASSED and deed.after is not None and row.lasted is not None and said != "healed":
        return f"{said}, it passed {time(max(0.0, row.lasted - deed.after))} later"
    return said


def _because(deed: Deed) -> str:
    return f": {deed.why.replace('_', ' ')}" if deed.why else ""


# ── What must be known ────────────────────────────────────────────────────────────────────────────────────────────────


def notes(result: Result, history: History, settings: Settings, conditions: bool) -> Iterator[str]:
    """Yield what limits a backtest, one line each; nothing where nothing does."""
    past = history.past
    most = max(result.unwatched, key=lambda name: result.unwatched[name], default="")
    if most and result.unwatched[most] >= _WORTH_TELLING:
        lost = sum(result.unwatched.values())
        seconds = (result.until - result.since).total_seconds() * len(result.unwatched)
        longest = f"at {most} longest: {time(result.unwatched[most])}"
        yield f"nobody looked for {lost / seconds:.1%} of the time ({longest}); what was then is not known"
    if result.unknown:
        yield f"no history, so nothing is said of them: {_names(result.unknown)}"
    if result.gone:
        told = [f"{name} ({bad} bad, {_many(done, 'recovery')})" for name, (bad, done) in result.gone.items()]
        yield f"not in this config, so left out: {_names(told)}"
    first = min((stretches[0].look.at for stretches in past.stretches.values()), default=None)
    if (first is None or (first - past.since).total_seconds() > 1) and _turns_before(history, first):
        until = f"{first:%Y-%m-%d %H:%M} UTC" if first else "the end"
        yield f"only verdicts are kept until {until} (keep_observations): short spells and metrics of then are lost"
    if conditions:
        yield "conditions (when:) are judged on the looks that were kept, one a minute unless something changed"
    if jumps := sum(1 for event in past.events if event.kind is EventKind.CLOCK_JUMPED):
        yield f"the clock was set {_many(jumps, 'time')}: instants around that are off"
    if lost_windows := in_words_only(history, iter(window.name for window in settings.maintenance)):
        yield f"{_many(lost_windows, 'ad hoc maintenance window')} told in words only, which hold nothing here"


def _many(count: int, noun: str) -> str:
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {noun[:-1]}ies" if noun.endswith("y") else f"{count:,} {noun}s"


def _turns_before(history: History, first: datetime | None) -> bool:
    told = (event.at for event in history.past.events if event.kind is EventKind.STATUS_CHANGED)
    return any(first is None or at < first for at in told)


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES])
    return f"{shown} and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else shown
