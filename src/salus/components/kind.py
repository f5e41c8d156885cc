"""What makes a kind of component: what it is asked, how that is judged, what heals it, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from salus.components._action import ComponentAction, Deed
from salus.components._check import ComponentCheck, Judge, Verdict
from salus.components._facts import Facts, Reading, moment, number
from salus.components._part import Part
from salus.model import Json

__all__ = ["ComponentKind", "Deed", "Facts", "Judge", "Part", "Reading", "Verdict", "moment", "number"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentKind:
    """One kind of self-healing component. Salus has seven; whoever needs another makes one of these.

    Attributes:
        name: such as ``file_watcher``.
        protocol: what objects of this kind can do.
        requires: members without which an object is not of this kind.
        readings: what each look asks, where it is there.
        judge: notes what is wrong with the answers, and returns what to say when nothing is.
        deeds: what can be done to it, by the name of the action.
        rule: when to act, as ``HealthSystem.rule`` takes it. A rung that an object cannot do is left out for it.
        probes: members that prove that it works; the first that is there is asked, where nothing else is wrong.
        broken: what is said of it when the probe objects.
        general: an object that is of another kind too, is of that.
    """

    name: str
    protocol: type
    requires: tuple[str, ...]
    readings: tuple[Reading, ...]
    judge: Judge
    deeds: Mapping[str, Deed]
    rule: Mapping[str, Json]
    probes: tuple[str, ...] = ("probe",)
    broken: str = "does not work"
    general: bool = False

    def missing(self, part: Part) -> list[str]:
        """Return which of the members that it needs an object does not have."""
        asked = [reading.member for reading in self.readings]
        return [member for member in self.requires if not (part.has if member in asked else part.can)(member)]

    def check(self, part: Part) -> ComponentCheck:
        """Make the check of one object."""
        readings = tuple(reading for reading in self.readings if part.has(reading.member))
        probe = next(iter(part.capable(self.probes)), "")
        return ComponentCheck(part, readings, probe, self.judge, self.broken)

    def actions(self, part: Part) -> dict[str, ComponentAction]:
        """Make the actions of one object: those that it can do."""
        return {name: ComponentAction(part, deed) for name, deed in self.deeds.items() if deed.methods(part)}

    def rule_for(self, part: Part) -> dict[str, Json]:
        """Return the default rule of one object, with the rungs that it can do."""
        rungs = self.rule["actions"]
        impossible = [*(self.deeds.keys() - self.actions(part).keys())]
        kept: list[Json] = [rung for rung in rungs if rung not in impossible] if isinstance(rungs, list) else []
        return {**self.rule, "actions": kept}
