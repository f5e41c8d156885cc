"""The conditions of rules and alert rules (``when:``): compiled, and seen to ask for what there is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from salus.config import Sources, did_you_mean
from salus.config.sources import Keys, known_words
from salus.errors import ConditionError, MissingExtraError, Problem
from salus.model import AlertRule, CheckSpec, RecoveryRule
from salus.units import format_duration

if TYPE_CHECKING:  # loaded where a rule has a condition
    from salus.conditions import Condition


class Conditions:
    """Compiles each condition once, however many checks its rule watches."""

    def __init__(self, checks: Mapping[str, CheckSpec], sources: Sources) -> None:
        """Take the checks that conditions may name, and the places of the config."""
        self._checks = checks
        self._sources = sources
        self._compiled: dict[str, Condition] = {}
        self.problems: list[Problem] = []

    def compile(self, rule: RecoveryRule) -> Condition | None:
        """Compile the condition of a rule; None when it has none, or one with problems."""
        return self._compile(rule.when, [rule.check], ("rules", rule.name, "when"))

    def compile_alert(self, rule: AlertRule) -> Condition | None:
        """Compile the condition of an alert rule, which is judged for each of its checks."""
        watched = [
            spec.name
            for spec in self._checks.values()
            if rule.members.takes(spec.name, spec.tags, (spec.service,) if spec.service else ())
        ]
        return self._compile(rule.when, watched, ("alerts", "rules", rule.name, "when"))

    def _compile(self, when: str, watched: Iterable[str], path: Keys) -> Condition | None:
        if not when:
            return None
        from salus.conditions import compile_condition

        try:
            condition = self._compiled.get(when) or compile_condition(when)
        except ConditionError as error:
            inside = self._sources.problem_inside(
                path, str(error), error.remedy or "", line=error.line, column=error.column
            )
            self.problems.append(inside)
            return None
        except MissingExtraError as error:
            self.problems.append(self._sources.problem(path, str(error), error.remedy or "", value=True))
            return None
        self._compiled[when] = condition
        short = [one for own in watched for one in self._short_windows(condition, own, path)]
        found = [*self._strangers(condition, path), *short]
        self.problems += dict.fromkeys(found)
        return None if found else condition

    def _strangers(self, condition: Condition, path: Keys) -> Iterator[Problem]:
        """See that the checks it names exist."""
        for name in sorted(condition.checks - set(self._checks)):
            line, column = condition.place_of(name)
            remedy = did_you_mean(name, list(self._checks)) or known_words(self._checks) or "add it under checks"
            what = f"there is no check {name!r}"
            yield self._sources.problem_inside(path, what, remedy, line=line, column=column)

    def _short_windows(self, condition: Condition, own: str, path: Keys) -> Iterator[Problem]:
        """See that every window can hold the looks its function needs: one that cannot would never tell anything."""
        for call in condition.calls:
            spec = self._checks.get(call.check or own)
            needed = call.fewest * spec.interval if spec else 0.0  # a look at the very edge may not count
            if spec and call.seconds < needed:
                looks = "a look" if call.fewest == 1 else f"{call.fewest} looks"
                what = (
                    f"{call.function}() needs {looks}, and {format_duration(call.seconds)} may hold fewer: "
                    f"{spec.name!r} is looked at every {format_duration(spec.interval)}"
                )
                remedy = f"ask for {format_duration(needed)} or more, or look more often"
                yield self._sources.problem_inside(path, what, remedy, line=call.line, column=call.column)
