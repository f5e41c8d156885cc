"""Gathers, for one rule at one moment, everything that a decision may look at."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from salus.engine.dependencies import Dependencies
from salus.engine.policy import Policy
from salus.engine.units import CheckUnit, RuleUnit
from salus.model import GroupSpec, Limits, Outcome
from salus.ports import Site
from salus.rules.situation import Condition, GroupUse, Situation
from salus.state import out_of_turn

_TRUTHS_KEPT = (1 << 64) - 1


class Surroundings(Protocol):
    """What an assessment needs from the engine."""

    site: Site
    limits: Limits
    healing_off: str
    policy: Policy
    units: dict[str, CheckUnit]

    @property
    def graph(self) -> Dependencies:
        """Return what hangs on what."""
        ...


class Assessor:
    """Builds situations. Changes nothing, except for the memory of a rule's condition when told so."""

    def __init__(self, around: Surroundings) -> None:
        """Assess within ``around``."""
        self._around = around

    def situation(
        self,
        unit: CheckUnit,
        rule: RuleUnit,
        now: datetime,
        *,
        busy: Mapping[str, str],
        running: int,
        recent_starts: tuple[datetime, ...],
        count: bool = False,
    ) -> Situation:
        """Describe one rule now; ``count`` remembers what its condition said, as one more look."""
        around = self._around
        policy, limits = around.policy, around.limits
        holds = policy.holds
        condition = condition_now(unit, rule, now, count=count)
        place = min(rule.memory.attempts + rule.memory.escalations, len(rule.ladders) - 1)
        hangs = bool(unit.spec.depends_on or unit.spec.service)
        return Situation(
            now=now,
            rule=rule.rule,
            spec=unit.spec,
            state=unit.state,
            memory=rule.memory,
            targets=rule.targets,
            mode=policy.mode(rule.rule),
            condition=condition,
            switched_off=holds.switched_off(rule.rule.name),
            healing_off=around.healing_off,
            pause=holds.pause_hold(now),
            check_pause=policy.check_pause_hold(unit.spec.name) if unit.paused else None,
            maintenance=holds.maintenance_hold(unit, now),
            dead=unit.dead,
            stopped=self._stopped(rule),
            busy=busy,
            rival=policy.rival_hold(unit, now),
            failing_dependencies=around.graph.failing(unit, around.site.services) if hangs else (),
            eased_at=unit.eased_at,
            shared_cause=policy.shared_cause_hold(unit, now),
            circuit=policy.circuits.hold(unit, rule.ladder(place), now),
            brake=policy.storms.hold(unit, now),
            groups=self._groups(rule, limits.groups, busy) if limits.groups else (),
            running=running,
            recent_starts=recent_starts,
            limits=limits,
        )

    def _stopped(self, rule: RuleUnit) -> tuple[str, ...]:
        services = self._around.site.services
        names = [target.partition(":")[2] for target in rule.targets if target.startswith("service:")]
        return tuple(sorted(name for name in names if (found := services.get(name)) and not found.status.wanted))

    def _groups(self, rule: RuleUnit, groups: tuple[GroupSpec, ...], busy: Mapping[str, str]) -> tuple[GroupUse, ...]:
        uses: list[GroupUse] = []
        for group in groups:
            members = {key(unit): unit for unit in self._around.units.values() if belongs(unit, group)}
            if not rule.targets & members.keys():
                continue
            out = {member for member in members if member in busy}
            out |= {key(unit) for unit in self._around.units.values() if belongs(unit, group) and _left_down(unit)}
            names = sorted(name.partition(":")[2] for name in out - rule.targets)
            uses.append(GroupUse(name=group.name, allowed=group.allowed(len(members)), out=tuple(names)))
        return tuple(uses)


def condition_now(unit: CheckUnit, rule: RuleUnit, now: datetime, *, count: bool = False) -> Condition | None:
    """Evaluate a rule's ``when``; None for a rule without."""
    if rule.judge is None:
        return None
    holds, detail = rule.judge(unit)
    if holds is None or (holds and rule.truths & 1 and out_of_turn(rule.held_at, unit.spec, now)):
        return Condition(holds=holds, detail=detail, truths=rule.truths)
    truths = (rule.truths << 1 | holds) & _TRUTHS_KEPT
    if count:
        rule.truths, rule.held_at = truths, now if holds else None
    return Condition(holds=holds, detail=detail, truths=truths)


def key(unit: CheckUnit) -> str:
    """Return the target of a check as recoveries hold it."""
    return f"service:{unit.spec.service}" if unit.spec.service else f"check:{unit.spec.name}"


def belongs(unit: CheckUnit, group: GroupSpec) -> bool:
    """Tell whether a check is of a group."""
    return group.members.takes(unit.spec.name, unit.spec.tags, (unit.spec.service,) if unit.spec.service else ())


def _left_down(unit: CheckUnit) -> bool:
    """Tell whether a recovery of Salus' acted on a check and did not bring it back."""
    bad = bool(unit.state.last and unit.state.last.status.bad)
    failed = (
        Outcome.NOT_RECOVERED,
        Outcome.TIMED_OUT,
        Outcome.FAILED,
        Outcome.CANCELLED,  # by a person: what is called off before anything was done leaves no outcome behind
        Outcome.INTERRUPTED,
    )
    return bad and any(rule.memory.last_outcome in failed for rule in unit.rules)
