"""The conditions of rules at run time: what was observed of late, and what each ``when`` says about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from salus.engine.units import CheckUnit, Judge
from salus.model import CheckState, Observation
from salus.ports import Clock

if TYPE_CHECKING:  # loaded where a rule has a condition: most agents have none, and memory is a promise
    from salus.conditions import Condition, History, Window


class Judging:
    """Remembers what conditions ask for and evaluates them. Costs nothing where no rule has one."""

    def __init__(self, clock: Clock, units: Callable[[], Mapping[str, CheckUnit]]) -> None:
        """Judge the checks that ``units`` returns."""
        self._clock = clock
        self._units = units
        self._history: History | None = None
        self._incarnations: dict[str, str] = {}
        self._also: tuple[tuple[str, Condition], ...] = ()

    def also(self, conditions: Iterable[tuple[str, Condition]]) -> None:
        """Take further conditions, each with the check that it is about; ``replace`` makes room for them."""
        self._also = tuple(conditions)

    def replace(self, units: Mapping[str, CheckUnit]) -> bool:
        """Take the rules of a new config; what is known stays known. Tells whether there is any condition."""
        rules = [(name, rule) for name, unit in units.items() for rule in unit.rules if rule.condition]
        for _, rule in rules:
            if rule.condition:
                rule.judge, rule.reads = self.judge(rule.condition), tuple(sorted(rule.condition.checks))
        asked = [*((name, rule.condition) for name, rule in rules if rule.condition), *self._also]
        if not asked:
            self._history = None
            return False
        from salus.conditions import History

        windows = {window for name, condition in asked for window in condition.windows(name)}
        before, self._history = self._history, History(sorted(windows))
        if before:
            self._history.adopt(before)
        return True

    def observed(self, unit: CheckUnit, seen: Observation) -> None:
        """Remember a look; a new copy of the target begins with a clean sheet."""
        name = unit.spec.name
        if self._history is None:
            return
        if seen.incarnation and self._incarnations.setdefault(name, seen.incarnation) != seen.incarnation:
            self._history.clear(name)
            self._incarnations[name] = seen.incarnation
        self._history.add(name, seen, self._clock.monotonic())

    def judge(self, condition: Condition) -> Judge:
        """Return what a rule asks at every look."""
        from salus.conditions import Facts

        def judge(unit: CheckUnit) -> tuple[bool | None, str]:
            facts = Facts(
                check=unit.spec.name,
                state=unit.state,
                state_of=self._state_of,
                samples=self._samples,
                now=self._clock.monotonic(),
            )
            judgement = condition.evaluate(facts)
            return judgement.holds, judgement.detail

        return judge

    def _samples(self, window: Window) -> tuple[tuple[float, float], ...]:
        return self._history.samples(window) if self._history else ()

    def _state_of(self, name: str) -> CheckState | None:
        unit = self._units().get(name)
        return unit.state if unit else None
