"""What rules did then, and what those of a config would have done, spell by spell and in sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from salus.model import Event, RecoveryRecord, RefusalReason
from salus.simulate.backtest.course import Fate
from salus.simulate.backtest.run import Replayed
from salus.simulate.backtest.spells import End, Spell, acted
from salus.simulate.backtest.tracks import History
from salus.simulate.score import CALLS, Times

SAME_WITHIN = 1.0  # seconds: looks of a replay and those of the past never come at quite the same moment
NEVER = Times()
NO_RULE = "no_rule"
CALLED_OFF = "called_off"
NOT_TRIGGERED = RefusalReason.BELOW_THRESHOLD.value


class Change(StrEnum):
    """What a config would have done, beside what was done."""

    NEITHER = "neither"
    SAME = "same"
    SOONER = "sooner"
    LATER = "later"
    ADDED = "added"  # acts where nothing was done
    DROPPED = "dropped"  # does nothing where Salus acted
    UNDECIDED = "undecided"  # has not acted when nobody looked any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What was done about a spell, then or in a replay.

    Attributes:
        at: when the first action began that could change something; None when there was none.
        after: the same, in seconds from the first bad look.
        rule: whose it was.
        action: its kind.
        ladder: of which ladder, 1 for the first.
        attempts: recoveries that acted.
        called_off: recoveries that a fresh look called off.
        healed_after: seconds from the first bad look until an action had healed it.
        needless: it acted, and the spell ended without any action of Salus, or because its root was healed.
        in_vain: it acted, and that did not help, as far as is known.
        untried: it ran only what Salus had not tried in this spell, so nobody knows whether that helps.
        gave_up: a rule spent its last attempt.
        cut_off: nobody looked any more before it was over.
        would_act_after: seconds from the first bad look until it would have acted, had it not only observed, or asked.
        refusals: reasons of the rules of the check, and how often each began.
        why: the reason why nothing was done; empty where something was.
    """

    at: datetime | None = None
    after: float | None = None
    rule: str = ""
    action: str = ""
    ladder: int = 0
    attempts: int = 0
    called_off: int = 0
    healed_after: float | None = None
    needless: bool = False
    in_vain: bool = False
    untried: bool = False
    gave_up: bool = False
    cut_off: bool = False
    would_act_after: float | None = None
    refusals: Mapping[str, int] = field(default_factory=dict)
    why: str = ""

    @property
    def acts(self) -> bool:
        """Tell whether anything was done."""
        return self.at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One spell, or one recovery that belongs to none.

    Attributes:
        check: the check.
        began: the first bad look; where there was none, the decision to act.
        lasted: seconds; None where no look was bad.
        end: how it ended in truth; None where a replay acts on a condition and nothing was recorded.
        root: the check whose healing ended it, where it depends on that.
        worst: the worst that a look said.
        message: what the first bad look said.
        turned: the verdict turned bad, not only a look.
        then: what was done.
        now: what the config would have done.
        change: the difference.
        by: seconds by which it would have acted sooner (negative) or later; None where one of the two did nothing.
    """

    check: str
    began: datetime
    lasted: float | None
    end: End | None
    worst: str
    message: str
    turned: bool
    then: Deed
    now: Deed
    change: Change
    by: float | None = None
    root: str = ""

    @property
    def telling(self) -> bool:
        """Tell whether there is anything to tell: a look or two that moved no verdict and no rule are everyday."""
        return self.turned or self.then.acts or self.now.acts

    @property
    def differs(self) -> bool:
        """Tell whether the config would have done something else."""
        return self.change not in (Change.SAME, Change.NEITHER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """One side in figures.

    Attributes:
        acted: spells in which it acted.
        healed: spells that an action of it ended.
        needless: spells in which it acted, and that ended without any action of Salus, or with their root.
        in_vain: spells in which what it did had not helped.
        untried: spells in which it ran only what Salus had not tried there.
        recoveries: attempts that acted.
        called_off: attempts that a fresh look called off.
        sooner, later: spells in which it acts at another time than was done.
        added: spells in which it acts and nothing was done.
        dropped: spells in which it does nothing and Salus acted.
        undecided: spells in which Salus acted, and in which it has not when nobody looked any more.
        sooner_by, later_by: seconds.
        time_to_act: from the first bad look to the first action.
        refusals: by reason.
        calls: moments at which a person is called, by kind.
    """

    acted: int
    healed: int
    needless: int
    in_vain: int
    untried: int
    recoveries: int
    called_off: int
    sooner: int = 0
    later: int = 0
    added: int = 0
    dropped: int = 0
    undecided: int = 0
    sooner_by: Times = NEVER
    later_by: Times = NEVER
    time_to_act: Times = NEVER
    refusals: Mapping[str, int] = field(default_factory=dict)
    calls: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One config on one history.

    Attributes:
        since, until: the history.
        checks: of the config, as far as they have a history and were asked for.
        unwatched: seconds in which nobody looked, for each check.
        unknown: checks of the config without any history.
        gone: checks of the ledger that the config does not have; bad verdicts and recoveries of each.
        spells: bad spells, of any length.
        then, now: in sums.
        rows: every spell that there is anything to tell of, oldest first.
        looks: how many the replay made.
        notes: what limits it, one line each.
    """

    since: datetime
    until: datetime
    checks: Sequence[str]
    unwatched: Mapping[str, float]
    unknown: Sequence[str]
    gone: Mapping[str, tuple[int, int]]
    spells: int
    then: Sums
    now: Sums
    rows: Sequence[Row]
    looks: int
    notes: Sequence[str] = ()

    def newest(self, limit: int, *, changed: bool = False) -> list[Row]:
        """Return the newest rows, newest first; with ``changed`` only those that would have gone otherwise."""
        return [row for row in reversed(self.rows) if row.differs or not changed][:limit]

    def as_dict(self, limit: int, *, changed: bool = False) -> dict[str, object]:
        """Return it for JSON, with the newest rows."""
        gone = {name: {"bad_verdicts": bad, "recoveries": done} for name, (bad, done) in self.gone.items()}
        told = asdict(replace(self, rows=self.newest(limit, changed=changed))) | {"gone": gone}
        return {name: _rounded(value) for name, value in told.items()}


def score(replayed: Replayed, names: Collection[str] = ()) -> Result:
    """Compare what was done with what a config would have done; of the named checks, or of all."""
    return _Scoring(replayed, names).result()


class _Scoring:
    def __init__(self, replayed: Replayed, names: Collection[str]) -> None:
        self._replayed = replayed
        self._history: History = replayed.history
        self._names = names
        self._checks = [name for name in self._history.tracks if not names or name in names]
        self._mentioned: set[str] = set()

    def result(self) -> Result:
        history, past = self._history, self._history.past
        spells = [fate.spell for name in self._checks for fate in self._replayed.fates[name]]
        rows = [self._row(fate) for name in self._checks for fate in self._replayed.fates[name]]
        rows += self._beside()
        rows.sort(key=lambda row: (row.began, row.check))
        then_ids = {record.id for spell in spells for record in spell.recoveries}
        then = [record for record in past.recoveries if record.id in then_ids or record.check in self._checks]
        now = [self._replayed.recoveries[name] for name in sorted(self._mentioned)]
        return Result(
            since=past.since,
            until=past.until,
            checks=self._checks,
            unwatched={name: history.tracks[name].unwatched for name in self._checks},
            unknown=[name for name in history.unknown if not self._names or name in self._names],
            gone=history.gone if not self._names else {},
            spells=sum(1 for spell in spells if not spell.on_condition),
            then=self._sums([row.then for row in rows], [one for one in then if not one.manual], past.events),
            now=self._sums([row.now for row in rows], now, self._replayed.events, rows),
            rows=[row for row in rows if row.telling],
            looks=self._replayed.looks,
        )

    # ── one spell ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _row(self, fate: Fate) -> Row:
        spell = fate.spell
        began = self._instant(spell.began)
        then, now = self._then(spell, began), self._now(fate, began)
        change, by = compare(then, now)
        return Row(
            check=spell.check,
            began=then.at if spell.on_condition and then.at else began,
            lasted=None if spell.on_condition else spell.lasted,
            end=spell.end,
            worst=spell.worst.value,
            message=spell.message,
            turned=spell.turned,
            then=then,
            now=now,
            change=change,
            by=by,
            root=spell.root.check if spell.root else "",
        )

    def _then(self, spell: Spell, began: datetime) -> Deed:
        deed = replace(_deed(spell.recoveries, began, spell), refusals=_sorted(spell.refusals), gave_up=spell.gave_up)
        if spell.end is End.HEALED:
            deed = replace(deed, healed_after=spell.lasted)
        if not deed.acts:
            return replace(deed, why=_why(deed, deed.refusals))
        return replace(deed, in_vain=deed.healed_after is None and not deed.needless)

    def _now(self, fate: Fate, began: datetime) -> Deed:
        self._mentioned |= set(fate.recoveries)
        recoveries = [self._replayed.recoveries[name] for name in fate.recoveries]
        deed = _deed(recoveries, began, fate.spell)
        deed = replace(
            deed,
            healed_after=_since(fate.spell, fate.healed_at),
            untried=fate.untried and fate.healed_at is None and not deed.needless,
            gave_up=fate.gave_up,
            cut_off=fate.cut_off,
            would_act_after=_since(fate.spell, fate.would_act_at),
            refusals=_sorted(fate.refusals),
        )
        if deed.acts:
            known = deed.healed_after is None and not deed.needless and not deed.untried
            return replace(deed, in_vain=known)
        ruled = fate.spell.check in self._replayed.ruled
        return replace(deed, why=_why(deed, fate.said.values()) or (NOT_TRIGGERED if ruled else NO_RULE))

    def _instant(self, seconds: float) -> datetime:
        return self._history.past.since + timedelta(seconds=seconds)

    def _beside(self) -> Iterable[Row]:
        """Yield what a replay does where nothing was recorded: its rules act on conditions."""
        for name in self._replayed.beside:
            record = self._replayed.recoveries[name]
            if record.check not in self._checks:
                continue
            self._mentioned.add(name)
            now = _deed([record], record.decided_at, None)
            if now.acts:
                yield Row(
                    check=record.check,
                    began=record.decided_at,
                    lasted=None,
                    end=None,
                    worst="",
                    message=record.trigger,
                    turned=False,
                    then=Deed(),
                    now=replace(now, untried=True),
                    change=Change.ADDED,
                )

    # ── sums ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _sums(
        self,
        deeds: Sequence[Deed],
        recoveries: Sequence[RecoveryRecord],
        events: Iterable[Event],
        rows: Sequence[Row] = (),
    ) -> Sums:
        changes = Counter(row.change for row in rows)
        told = [event for event in events if self._concerns(event)]
        refusals = Counter(event.reason or "" for event in told if event.held_back)
        return Sums(
            acted=sum(deed.acts for deed in deeds),
            healed=sum(deed.healed_after is not None for deed in deeds),
            needless=sum(deed.needless for deed in deeds),
            in_vain=sum(deed.in_vain for deed in deeds),
            untried=sum(deed.untried for deed in deeds),
            recoveries=sum(1 for record in recoveries if acted(record)),
            called_off=sum(1 for record in recoveries if not acted(record)),
            sooner=changes[Change.SOONER],
            later=changes[Change.LATER],
            added=changes[Change.ADDED],
            dropped=changes[Change.DROPPED],
            undecided=changes[Change.UNDECIDED],
            sooner_by=Times.of([-row.by for row in rows if row.by is not None and row.change is Change.SOONER]),
            later_by=Times.of([row.by for row in rows if row.by is not None and row.change is Change.LATER]),
            time_to_act=Times.of([deed.after for deed in deeds if deed.after is not None]),
            refusals=_sorted(refusals),
            calls=_sorted(Counter(CALLS[event.kind] for event in told if event.kind in CALLS)),
        )

    def _concerns(self, event: Event) -> bool:
        """Tell whether an event is about what was asked for; one about no check is about all of them."""
        return event.check in self._checks if event.check or self._names else True


def compare(then: Deed, now: Deed) -> tuple[Change, float | None]:
    """Return the difference between what was done and what would have been, and by how many seconds it is later."""
    if then.at is None or now.at is None:
        if not then.acts:
            return (Change.ADDED if now.acts else Change.NEITHER), None
        return (Change.UNDECIDED if now.cut_off else Change.DROPPED), None
    by = (now.at - then.at).total_seconds()
    if abs(by) <= SAME_WITHIN:
        return Change.SAME, by
    return (Change.SOONER if by < 0 else Change.LATER), by


def first_act(record: RecoveryRecord) -> tuple[datetime, str]:
    """Return when a recovery first did what can change something, and what; of one that was cut off, when it began."""
    step = next((step for step in record.steps if step.verified is not None), None)
    return (step.started_at, step.action) if step else (record.decided_at, "")


def _deed(recoveries: Sequence[RecoveryRecord], began: datetime, spell: Spell | None) -> Deed:
    own = [record for record in recoveries if not record.manual]
    done = sorted((record for record in own if acted(record)), key=lambda record: first_act(record)[0])
    called_off = len(own) - len(done)
    if not done:
        return Deed(called_off=called_off)
    at, action = first_act(done[0])
    return Deed(
        at=at,
        after=None if spell is None or spell.on_condition else max(0.0, (at - began).total_seconds()),
        rule=done[0].rule,
        action=action,
        ladder=done[0].ladder + 1,
        attempts=len(done),
        called_off=called_off,
        needless=spell is not None and spell.needed_nothing,
    )


def _since(spell: Spell, at: float | None) -> float | None:
    return None if at is None else max(0.0, at - spell.began)


def _why(deed: Deed, reasons: Iterable[str]) -> str:
    """Return why nothing was done: what called it off, else the reason that says most."""
    if deed.called_off:
        return CALLED_OFF
    found = [reason for reason in reasons if reason]
    return next((reason for reason in found if reason != NOT_TRIGGERED), found[0] if found else "")


def _rounded(value: object) -> object:
    """Return a document whose seconds are told to the microsecond, as all instants are."""
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list | tuple) else value


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
