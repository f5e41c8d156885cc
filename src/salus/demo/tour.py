"""One fault after the other: break, listen, and look whether it was healed, verified, and nothing else touched."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from salus.demo.agent import Event, Events, RunningSalus, Status, at
from salus.demo.faults import Fault
from salus.demo.shop import Identity, Shop, wait_until
from salus.errors import SalusError

_SETTLE_WITHIN = 20.0
_HEAL_WITHIN = 20.0
_BAD = ("degraded", "unhealthy")
# Refusals after which no rule will act, however long one waits.
_FINAL = ("disabled", "healing_off", "exhausted")


@dataclass(slots=True)
class Result:
    """What became of one fault.

    Attributes:
        fault: what was broken.
        injected_at: when, in seconds since the epoch.
        seen_by: the check that noticed it first.
        detected: seconds from the fault to that check's verdict.
        healed: seconds from the fault to the end of the recovery that healed it.
        actions: what was done, in order.
        attempts: recoveries that did something.
        outcome: Salus' own word for how the last one ended, or why there was none.
        held: checks that failed along with it and were rightly left alone.
        problems: what is wrong by our own look; empty when all is well.
        done: it is over.
    """

    fault: Fault
    injected_at: float = 0.0
    seen_by: str = ""
    detected: float | None = None
    healed: float | None = None
    actions: list[str] = field(default_factory=list)
    attempts: int = 0
    outcome: str = "not healed"
    held: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    done: bool = False

    @property
    def ok(self) -> bool:
        """Tell whether it was healed, works again by our own look, and nothing healthy was touched."""
        return self.done and self.detected is not None and self.healed is not None and not self.problems

    @property
    def verdict(self) -> str:
        """Return the last column of the table."""
        if self.ok:
            return f"{self.outcome}, verified"
        if self.healed is not None:
            return "healed, but see below"
        return f"refused: {self.outcome}" if self.outcome in _FINAL else self.outcome


@dataclass(frozen=True, slots=True)
class _Before:
    """The shop before a fault: who runs, and how often Salus has started each service."""

    mark: int
    everybody: Mapping[str, frozenset[Identity]]
    starts: Mapping[str, int]


class Tour:
    """Breaks the shop and watches. ``current`` and ``results`` are there for who shows it."""

    def __init__(self, shop: Shop, salus: RunningSalus) -> None:
        """Go through ``shop``, which ``salus`` looks after."""
        self._shop = shop
        self._salus = salus
        self.events: Events = salus.events
        self.mark = 0
        self.current: Result | None = None
        self.results: list[Result] = []

    def wait_for_opening(self) -> None:
        """Wait until every check is well for the first time.

        Raises:
            SalusError: the shop does not open.
        """
        if troubles := self._settle():
            message = f"the shop did not open: {'; '.join(troubles)}\n{self._salus.last_words()}"
            raise SalusError(message)

    def run(self, fault: Fault) -> Result:
        """Break one thing, and stay until it is over."""
        before = _Before(len(self.events), self._shop.everybody(), self._starts())
        self.mark = before.mark
        result = self.current = Result(fault, time.time())
        result.injected_at = fault.inject(self._shop)
        self.events.wait(before.mark, lambda told: self._over(result, told), _HEAL_WITHIN)
        self._read(result, self.events.since(before.mark))
        if result.healed is not None:
            result.problems += fault.proof(self._shop)
            result.problems += [f"afterwards: {trouble}" for trouble in self._settle()]
            self._read(result, self.events.since(before.mark))
        result.problems += self._touched(result, before)
        result.done = True
        self.results.append(result)
        self.current = None
        return result

    # ── listening ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _over(self, result: Result, told: Sequence[Event]) -> bool:
        """Tell whether it is healed, or never will be; keeps the result up to date for who shows it."""
        self._read(result, told)
        if result.healed is None:
            return result.outcome in _FINAL
        return set(result.held) == set(result.fault.held)

    @staticmethod
    def _read(result: Result, told: Sequence[Event]) -> None:
        """Read the result off the events since the fault."""
        fault = result.fault
        result.actions, result.held = [], []
        acting: set[str] = set()
        for event in told:
            kind, check, rule = event["kind"], event.get("check"), event.get("rule")
            after = max(0.0, at(event) - result.injected_at)
            if kind == "status_changed" and event.get("new") in _BAD:
                if check in fault.seen_by and result.detected is None:
                    result.seen_by, result.detected = str(check), after
                if check in fault.held and check not in result.held:
                    result.held.append(str(check))
            if rule not in fault.rules:
                continue
            if kind == "action_started":
                acting.add(event["recovery"])
                result.actions.append(event["action"])
            elif kind == "recovery_refused" and event.get("reason") in _FINAL and result.healed is None:
                result.outcome = event["reason"]
            elif kind == "recovery_finished" and event["recovery"] in acting:
                result.outcome = event["reason"]
                result.healed = after if event["reason"] == "recovered" else None
        result.attempts = len(acting)

    # ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _touched(self, result: Result, before: _Before) -> Iterator[str]:
        """Yield what was touched and should not have been, and what was not replaced and should have been."""
        fault, now, starts = result.fault, self._shop.everybody(), self._starts()
        for name, copies in before.everybody.items():
            if len(now[name]) > 1:
                yield f"{len(now[name])} copies of {name} run"
            more = starts.get(name, 0) - before.starts.get(name, 0)
            if name == fault.replaces:
                if result.healed is not None and (now[name] & copies or more != result.attempts):
                    yield f"{name} was started {more} times in {result.attempts} attempts"
            elif now[name] != copies or more:
                yield f"{name} was healthy, and is another process now"
        strangers = {
            str(event.get("rule"))
            for event in self.events.since(before.mark)
            if event["kind"] == "action_started" and event.get("rule") not in fault.rules
        }
        if strangers:
            yield f"rules acted on what was not broken: {', '.join(sorted(strangers))}"
        if missing := set(fault.held) - set(result.held):
            yield f"{', '.join(sorted(missing))} did not even fail, so nothing was proven"

    def _settle(self) -> list[str]:
        """Wait until everything is well and every rule has its attempts back; returns what is not."""
        seen: list[Status] = []

        def calm() -> bool:
            seen[:] = [self._salus.status()]
            return not any(_troubles(seen[0]))

        return [] if wait_until(calm, _SETTLE_WITHIN) else list(_troubles(seen[0]))

    def _starts(self) -> dict[str, int]:
        return {service["name"]: service["starts"] for service in self._salus.status()["services"]}


def _troubles(status: Status) -> Iterator[str]:
    for check in status["checks"]:
        if check["status"] != "healthy" and check["name"] != "salus":
            yield f"{check['name']} is {check['status']}: {check['message']}"
    for recovery in status["recoveries"]:
        yield f"a recovery of {recovery['check']} is under way"
    for rule in status["rules"]:
        if rule["attempts"]:
            yield f"the rule {rule['name']} still counts {rule['attempts']} attempts"
