"""The engine as surfaces may see it: read-only, from memory, never running a check."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import salus
from salus.engine.engine import Engine
from salus.engine.units import CheckUnit, RuleUnit
from salus.model import (
    AgentInfo,
    CheckReport,
    CheckSpec,
    CheckState,
    Overall,
    PolicyReport,
    RecoveryRecord,
    RuleExplanation,
    RuleReport,
    ServiceStatus,
)
from salus.state import overall


class EngineView:
    """Implements ``ports.View`` over an engine."""

    def __init__(self, engine: Engine, *, environment: str, show_details: str, name: str = "") -> None:
        """See ``engine``; a reload may change the words and who is told what."""
        self._engine = engine
        self.environment = environment
        self.name = name
        self.show_details = show_details
        self._started_at = engine.site.clock.now()
        self.problems: list[str] = []
        self._named: Mapping[str, CheckUnit] = {}
        self._names: tuple[str, ...] = ()
        self._agent: AgentInfo | None = None

    @property
    def version(self) -> int:
        """Return a number that grows with every change that could be seen."""
        return self._engine.version

    @property
    def started_at(self) -> datetime:
        """Return when this Salus began."""
        return self._started_at

    def agent(self) -> AgentInfo:
        """Return who is speaking; written anew only where something of it changed, for every request asks."""
        changing = (self.name, self.environment, self.show_details, self._engine.healing_off, tuple(self.problems))
        agent = self._agent
        if (
            agent is None
            or (agent.name, agent.environment, agent.show_details, agent.healing_off, agent.problems) != changing
        ):
            agent = self._agent = AgentInfo(
                version=salus.__version__,
                hostname=platform.node(),
                pid=os.getpid(),
                started_at=self._started_at,
                name=self.name,
                environment=self.environment,
                show_details=self.show_details,
                healing_off=self._engine.healing_off,
                problems=tuple(self.problems),
            )
        return agent

    def overall(self, exclude: frozenset[str] = frozenset()) -> Overall:
        """Return all checks in one word, leaving out the named ones."""
        units = [unit for name, unit in self._engine.units.items() if name not in exclude]
        pairs = [(unit.spec, unit.state) for unit in units if unit.counts]
        return overall(pairs, self._engine.site.clock.now(), paused=sum(unit.paused for unit in units))

    def checks(self) -> Sequence[CheckReport]:
        """Return all checks, by name."""
        return [self._report(name) for name in self.names()]

    def names(self) -> Sequence[str]:
        """Return the names of all checks, in order; sorted once for each set of checks."""
        units = self._engine.units
        if units is not self._named:
            self._named, self._names = units, tuple(sorted(units))
        return self._names

    def pairs(self) -> Iterator[tuple[CheckSpec, CheckState]]:
        """Go through all checks, by name: for who looks for a few among many."""
        names, units = self.names(), self._engine.units
        for name in names:
            unit = units[name]
            yield unit.spec, unit.state

    def check(self, name: str) -> CheckReport | None:
        """Return one check, or None."""
        return self._report(name) if name in self._engine.units else None

    def services(self) -> Sequence[ServiceStatus]:
        """Return all services, by name."""
        return [service.status for _, service in sorted(self._engine.site.services.items())]

    def rules(self, check: str = "") -> Sequence[RuleReport]:
        """Return all rules, by name; or those of one check, which costs little however many there are."""
        modes, whole = self._engine.policy.modes, self._engine.limits.mode
        one = self._engine.units.get(check)
        units = self._engine.units.values() if not check else (one,) if one else ()
        reports = [
            RuleReport(
                rule=rule.rule,
                state=rule.memory,
                refusal=rule.refusal,
                override=modes.get(rule.rule.name),
                whole=whole,
            )
            for unit in units
            for rule in unit.rules
        ]
        return sorted(reports, key=lambda report: report.rule.name)

    def recoveries(self) -> Sequence[RecoveryRecord]:
        """Return the recoveries that run now."""
        return [recovery.shown for recovery in self._engine.healer.running.values()]

    def policy(self) -> PolicyReport:
        """Return what holds healing now, beyond single rules."""
        engine, policy = self._engine, self._engine.policy
        now = engine.site.clock.now()
        return PolicyReport(
            mode=engine.limits.mode,
            pause=policy.holds.pause,
            checks_paused=tuple(pause for name, pause in sorted(policy.check_pauses.items()) if name in engine.units),
            maintenance=policy.holds.report(now),
            brakes=tuple(brake for _, brake in sorted(policy.storms.brakes.items())),
            circuits=policy.circuits.open,
            causes=policy.causes_in_words(),
            overload=engine.pressure.now(),
            rivals=policy.rivals_in_words(now),
            disabled=policy.holds.off,
            refusals={
                name: {reason.value: count for reason, count in counts.items()}
                for name, counts in sorted(policy.refusals.items())
            },
        )

    def explain(self, check: str) -> Sequence[RuleExplanation]:
        """Say for every rule of a check why it acts or does not, stage by stage."""
        engine = self._engine
        unit, now = engine.unit(check), engine.site.clock.now()
        return [
            RuleExplanation(
                rule=rule.rule,
                state=rule.memory,
                findings=engine.healer.explain(unit, rule, now),
                running=self._running(rule),
                override=engine.policy.modes.get(rule.rule.name),
                whole=engine.limits.mode,
            )
            for rule in unit.rules
        ]

    def _running(self, rule: RuleUnit) -> RecoveryRecord | None:
        if rule.record is None:
            return None
        found = self._engine.healer.running.get(rule.record.id)
        return found.shown if found else rule.record

    def _report(self, name: str) -> CheckReport:
        unit = self._engine.units[name]
        pause = self._engine.policy.check_pauses.get(name) if unit.paused else None
        return CheckReport(spec=unit.spec, state=unit.state, healing=unit.healing, paused=pause, looks=unit.ring)
