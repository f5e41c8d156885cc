"""Events in, incidents out.

1. A verdict against a check (degraded or unhealthy) begins a bad spell; only a healthy one ends it, or that the check
   is paused or no longer in the config. ``unknown`` neither begins nor ends one: nobody knows.
2. A spell joins the incident that is *hot* where it begins: that of the same check, of its service, of what it depends
   on or what depends on it, of a recovery that touches it, of a storm that it is counted in. Where there is none, it
   begins one; where there are several, they turn out to be one, and the oldest keeps its id.
3. Something is hot while it is bad (or a recovery holds it) and ``GAP`` longer. So a check that comes back a moment
   after it was healed, and a web server that stumbles over the restart of its database, reopen the incident: for people
   that is one story. Five minutes are longer than most cooldowns and start periods, and shorter than coincidence.
4. An incident ends when none of its checks is bad, and is retired ``GAP`` after that. A check of an incident that is
   not retired belongs to it, hot or not: no check is in two open incidents.
5. Its root is the check it began with, and moves up whenever a check joins that the root depends on.
6. What is kept is bounded: retired incidents by their number and by the checks in them, the others by the number of
   checks there are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from salus.incidents.cases import Case, Handle, Run, Spell, read_id
from salus.incidents.graph import Graph, check_key, needs_key, service_key
from salus.model import Event, EventKind, Outcome, Status
from salus.model.history import Incident

GAP = timedelta(minutes=5)
MOST = 2_000
MOST_CHECKS = 20_000
_MOST_LOOSE = 1_000
_MOST_STORMS = 1_000

KINDS = (
    EventKind.STATUS_CHANGED,
    EventKind.RECOVERY_STARTED,
    EventKind.RECOVERY_FINISHED,
    EventKind.STORM_STARTED,
    EventKind.STORM_ENDED,
    EventKind.CHECK_PAUSED,
    EventKind.CONFIG_RELOADED,
    EventKind.AGENT_STARTED,
)
"""What incidents are told from; the rest of what happened stands in their timelines."""

_STATUSES = {status.value: status for status in Status}


class Incidents:
    """All incidents of one ledger. Events come in the order of their ids."""

    def __init__(self, graph: Graph, *, most: int = MOST, most_checks: int = MOST_CHECKS) -> None:
        """Begin with none.

        Args:
            graph: what hangs together.
            most: retired incidents that are kept.
            most_checks: checks that are kept in all of these.
        """
        self._graph = graph
        self._most, self._most_checks = most, most_checks
        self._cases: dict[int, Case] = {}
        self._merged: dict[int, Case] = {}
        self._of_check: dict[str, Case] = {}
        self._handles: dict[str, Handle] = {}
        self._ended: deque[tuple[datetime, Case]] = deque()
        self._retired: deque[Case] = deque()
        self._retired_checks = 0
        self._storms: dict[str, Handle] = {}
        self._running: dict[str, Run] = {}
        self._loose: dict[str, Run] = {}
        steps: tuple[Callable[[Event], None], ...] = (
            self._changed,
            self._recovery_started,
            self._recovery_finished,
            self._storm_started,
            self._storm_ended,
            self._paused,
            self._reloaded,
            self._agent_started,
        )
        self._takes = dict(zip(KINDS, steps, strict=True))

    # ── what is asked ─────────────────────────────────────────────────────────────────────────────────────────────────

    def newest_first(self, before: int | None = None) -> Iterator[Case]:
        """Go through the incidents, the one that began last first."""
        for number in reversed(self._cases):
            if before is None or number < before:
                yield self._cases[number]

    def find(self, incident: str) -> Incident | None:
        """Return one of them; one that was merged into another is that other."""
        number = read_id(incident)
        if number is None:
            return None
        case = self._cases.get(number) or self._merged.get(number)
        return case.now().incident() if case else None

    def failing(self) -> list[str]:
        """Name the checks that are in a bad spell."""
        return [name for name, case in self._of_check.items() if case.now().checks[name].status.bad]

    # ── what happens ──────────────────────────────────────────────────────────────────────────────────────────────────

    def take(self, event: Event) -> None:
        """Take the next event; those of other kinds than ``KINDS`` change nothing."""
        take = self._takes.get(event.kind)
        if take is not None:
            self._retire(event.at)
            take(event)

    def rewire(self, graph: Graph) -> None:
        """Take a new set of checks; spells that go on keep where they belong."""
        self._graph = graph

    def well(self, check: str, at: datetime) -> None:
        """Hear that a check is not bad any more, or nothing that is looked at."""
        case = self._case_of(check)
        spell = case.checks[check] if case else None
        if case is None or spell is None or not spell.status.bad:
            return
        spell.status = Status.HEALTHY
        for key in spell.held:
            self._release(key, at)
        case.failing -= 1
        if not case.failing:
            case.ended = max(at, case.started)
            self._ended.append((case.ended, case))

    def _changed(self, event: Event) -> None:
        status = _STATUSES.get(event.new or "", Status.UNKNOWN)
        if event.check is None:
            return
        if status.bad:
            self._bad(event, event.check, status)
        elif status is Status.HEALTHY:
            self.well(event.check, event.at)

    def _bad(self, event: Event, check: str, status: Status) -> None:
        case = self._case_of(check)
        if case is not None and case.checks[check].status.bad:
            case.checks[check].turns(status, event.message)
            return
        service = event.service or self._graph.service(check)
        storms = self._storms_over(check)
        own, needed = _keys(check, service), self._graph.above(check)
        near = (self._handles.get(key) for key in (*own, *needed, *map(needs_key, own)))
        hot = [handle.hot(event.at) for handle in (*near, *storms) if handle is not None]
        case = self._together([case, *hot]) or self._begin(event)
        held = (*own, *map(needs_key, needed))
        self._join(case, check, Spell(event.at, event.at, service, status, status, event.message, held))
        for storm in storms:
            storm.case = case
        for key in held:
            self._hold(key, case)
        loose = self._loose.pop(check, None)
        if loose is not None and event.at - loose.at <= GAP:
            self._attach(loose, case, event.at)

    def _begin(self, event: Event) -> Case:
        case = self._cases[event.id] = Case(number=event.id, started=event.at)
        detected = event.data.get("detected")
        case.detected = float(detected) if isinstance(detected, int | float) else None
        return case

    def _join(self, case: Case, check: str, spell: Spell) -> None:
        case.failing += 1
        case.ended = None
        case.touch(spell.service)
        known = case.checks.get(check)
        if known is not None:
            known.since, known.service, known.held = spell.since, spell.service, spell.held
            known.turns(spell.status, spell.message)
            return
        case.checks[check] = spell
        self._of_check[check] = case
        case.root = self._top(case.root, [check]) if case.root else check

    # ── recoveries ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _recovery_started(self, event: Event) -> None:
        if event.recovery is None or event.check is None:
            return
        targets = event.data.get("targets")
        named = tuple(one for one in targets if isinstance(one, str)) if isinstance(targets, list) else ()
        run = self._running[event.recovery] = Run(event.recovery, event.at, targets=named)
        if len(self._running) > _MOST_LOOSE:
            self._end(next(iter(self._running.values())), None, event.at)
        case = self._case_of(event.check)
        if case is not None:
            self._attach(run, case, event.at)
            return
        self._loose.pop(event.check, None)
        self._loose[event.check] = run  # a rule may act before the verdict
        if len(self._loose) > _MOST_LOOSE:
            del self._loose[next(iter(self._loose))]

    def _attach(self, run: Run, case: Case, at: datetime) -> None:
        case.add(run)
        if run.outcome is not None:
            return
        hot = [handle.hot(at) for key in run.targets if (handle := self._handles.get(key))]
        case = self._together([case, *hot]) or case
        run.attached = True
        for key in run.targets:
            self._hold(key, case)
            kind, _, name = key.partition(":")
            case.touch(name if kind == "service" else None)

    def _recovery_finished(self, event: Event) -> None:
        run = self._running.get(event.recovery or "")
        if run is not None:
            self._end(run, event.reason, event.at)
            return
        case = self._case_of(event.check or "")
        if case is not None and event.recovery:  # its beginning was forgotten, or it died with its Salus
            known = case.recoveries.get(event.recovery)
            if known is None:
                case.add(Run(event.recovery, event.at, event.reason))
            else:
                known.outcome = event.reason

    def _end(self, run: Run, outcome: str | None, at: datetime) -> None:
        del self._running[run.id]
        run.outcome = outcome
        for key in run.targets if run.attached else ():
            self._release(key, at)

    def _agent_started(self, event: Event) -> None:
        for run in [*self._running.values()]:
            self._end(run, Outcome.INTERRUPTED.value, event.at)

    # ── storms, pauses, the config ────────────────────────────────────────────────────────────────────────────────────

    def _storm_started(self, event: Event) -> None:
        scope = event.reason or ""
        storm = self._storms[scope] = Handle(held=1)
        if len(self._storms) > _MOST_STORMS:
            del self._storms[next(iter(self._storms))]
        storm.case = self._together(
            case
            for name in self.failing()
            if (case := self._case_of(name))
            and event.at - case.checks[name].since <= GAP  # what has been bad for long is no part of it
            and scope in self._graph.scopes(name)
        )

    def _storm_ended(self, event: Event) -> None:
        self._storms.pop(event.reason or "", None)

    def _storms_over(self, check: str) -> list[Handle]:
        """Return the storms that a check is counted in; one whose incident is over has passed, whatever was told."""
        found: list[Handle] = []
        for scope in self._graph.scopes(check) if self._storms else ():
            storm = self._storms.get(scope)
            if storm is not None and storm.case is not None and storm.case.now().retired:
                del self._storms[scope]
            elif storm is not None:
                found.append(storm)
        return found

    def _paused(self, event: Event) -> None:
        if event.check:
            self.well(event.check, event.at)

    def _reloaded(self, event: Event) -> None:
        removed = event.data.get("removed")
        for check in removed if isinstance(removed, list) else ():
            self.well(str(check), event.at)

    # ── what hangs together ───────────────────────────────────────────────────────────────────────────────────────────

    def _top(self, root: str, others: Iterable[str]) -> str:
        """Return the root, or what it hangs on among others, or what that hangs on."""
        needed = self._graph.above(root)
        for other in others:
            service = self._graph.service(other)
            through = service is not None and service != self._graph.service(root) and service_key(service) in needed
            if other != root and (through or check_key(other) in needed):
                root, needed = other, self._graph.above(other)
        return root

    def _case_of(self, check: str) -> Case | None:
        case = self._of_check.get(check)
        return case.now() if case else None

    def _together(self, cases: Iterable[Case | None]) -> Case | None:
        """Make one of several; the oldest keeps its id."""
        found = sorted({case.number: case for case in cases if case is not None}.items())
        if not found:
            return None
        kept, others = found[0][1], [case for _, case in found[1:]]
        if not others:
            return kept
        kept.root = self._top(kept.root, [check for case in others for check in case.checks])
        kept.absorb(others)
        for other in others:
            self._of_check.update(dict.fromkeys(other.checks, kept))
            del self._cases[other.number]
            self._merged[other.number] = kept
        if kept.ended is not None:
            self._ended.append((kept.ended, kept))
        while len(self._merged) > self._most:
            del self._merged[next(iter(self._merged))]
        return kept

    def _hold(self, key: str, case: Case) -> None:
        handle = self._handles.setdefault(key, Handle())
        handle.case = case
        handle.held += 1

    def _release(self, key: str, at: datetime) -> None:
        handle = self._handles[key]
        handle.held -= 1
        handle.until = max(handle.until or at, at + GAP)

    def _retire(self, now: datetime) -> None:
        while self._ended and now - self._ended[0][0] > GAP:
            ended, case = self._ended.popleft()
            if case.into is None and not case.retired and case.ended == ended:
                self._let_go(case, now)
        while len(self._retired) > self._most or self._retired_checks > self._most_checks:
            oldest = self._retired.popleft()
            self._retired_checks -= len(oldest.checks)
            del self._cases[oldest.number]

    def _let_go(self, case: Case, now: datetime) -> None:
        case.retired = True
        self._retired.append(case)
        self._retired_checks += len(case.checks)
        for check, spell in case.checks.items():
            del self._of_check[check]
            self._forget(spell.held, now)
            spell.held = ()
        self._forget(map(service_key, case.services), now)

    def _forget(self, keys: Iterable[str], now: datetime) -> None:
        for key in keys:
            handle = self._handles.get(key)
            if handle is not None and not handle.held and handle.hot(now) is None:
                del self._handles[key]


def _keys(check: str, service: str | None) -> tuple[str, ...]:
    """Return what a bad check holds."""
    return (check_key(check), service_key(service)) if service else (check_key(check),)
