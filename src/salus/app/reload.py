"""A new config meets a running engine: what did not change is not touched."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass

from salus.app.build import Resolved
from salus.app.parts import let_go, make_services, make_units
from salus.engine.engine import Engine
from salus.engine.units import CheckUnit
from salus.ports import Batch, Service, Snapshot

_log = logging.getLogger("salus.reload")


@dataclass(frozen=True, slots=True)
class Difference:
    """What a reload changes, by name."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]

    def __str__(self) -> str:
        """Say it in one line."""
        parts = [
            f"{len(names)} {word} ({', '.join(names[:5])}{', ...' if len(names) > 5 else ''})"
            for word, names in (("added", self.added), ("changed", self.changed), ("removed", self.removed))
            if names
        ]
        return "; ".join(parts) or "nothing changed"


class Reload:
    """Carries one reload out. New parts stand at the site of the running ones."""

    def __init__(self, engine: Engine, services: dict[str, Service], old: Resolved, new: Resolved) -> None:
        """Compare the old config with the new one."""
        self._engine = engine
        self._services = services
        self._old, self._new = old, new

    async def run(self) -> tuple[str, Batch]:
        """Apply the new config; returns what changed, in words, and the rows that are to be forgotten."""
        services = await self._change_services()
        checks = self._change_checks(set(services.changed))
        engine = self._engine
        engine.limits = self._new.settings.limits
        engine.service_roots = self._new.service_roots()
        engine.policy.holds.windows = self._new.settings.maintenance
        engine.tend()
        engine.observe_every = self._new.settings.agent.observe_every
        gone = engine.replace_units(checks)
        await self._finish([let_go(unit.check) for unit in gone])
        new_rules = {rule.rule.name for rule in self._new.rules}
        forget = Batch(
            forget_checks=[name for name in self._old.checks if name not in self._new.checks],
            forget_services=list(services.removed),
            forget_rules=[rule.rule.name for rule in self._old.rules if rule.rule.name not in new_rules],
        )
        return self._sentence(services), forget

    async def _change_services(self) -> Difference:
        old, new = self._old.services, self._new.services
        difference = Difference(
            added=tuple(name for name in new if name not in old),
            changed=tuple(name for name in new if name in old and new[name] != old[name]),
            removed=tuple(name for name in old if name not in new),
        )
        leaving = [self._services.pop(name) for name in (*difference.removed, *difference.changed)]
        wanted = {service.status.name for service in leaving if service.status.wanted}
        await self._finish([self._end(service) for service in leaving])
        arriving = make_services(self._new, self._engine.site, {*difference.added, *difference.changed})
        self._services.update(arriving)
        starting = [service.start() for name, service in arriving.items() if name in wanted or name in difference.added]
        await self._finish(starting)
        return difference

    def _change_checks(self, replaced_services: set[str]) -> dict[str, CheckUnit]:
        engine = self._engine
        units = {name: self._same(unit, replaced_services) for name, unit in engine.units.items()}
        kept = {name: unit for name, unit in units.items() if unit is not None}
        states = Snapshot(
            check_states={name: unit.state for name, unit in engine.units.items()},
            rule_states={rule.rule.name: rule.memory for unit in engine.units.values() for rule in unit.rules},
        )
        fresh = make_units(self._new, engine.site, states)
        own = {name: unit for name, unit in kept.items() if name not in fresh}  # Salus' check of itself
        return {name: kept.get(name, unit) for name, unit in fresh.items()} | own

    def _same(self, unit: CheckUnit, replaced_services: set[str]) -> CheckUnit | None:
        """Return the unit if nothing about it changed; a recovery in flight keeps its unit alive either way."""
        name = unit.spec.name
        if name not in self._new.checks or name not in self._old.checks:
            return unit if name not in self._old.checks else None
        untouched = (
            self._new.checks[name] == self._old.checks[name]
            and not replaced_services.intersection((*unit.watches, unit.spec.service or ""))
            and self._rules_of(self._new, name) == self._rules_of(self._old, name)
        )
        return unit if untouched else None

    @staticmethod
    def _rules_of(resolved: Resolved, check: str) -> list[object]:
        return [rule for rule in resolved.rules if rule.rule.check == check]

    @staticmethod
    async def _end(service: Service) -> None:
        await service.stop()
        await service.aclose()

    @staticmethod
    async def _finish(work: Iterable[Awaitable[None]]) -> None:
        for result in await asyncio.gather(*work, return_exceptions=True):
            if isinstance(result, Exception):
                _log.error("while reloading: %s", result)

    def _sentence(self, services: Difference) -> str:
        old, new = self._old.checks, self._new.checks
        checks = Difference(
            added=tuple(name for name in new if name not in old),
            changed=tuple(name for name in new if name in old and new[name] != old[name]),
            removed=tuple(name for name in old if name not in new),
        )
        arrived = [rule for rule in self._new.rules if rule not in self._old.rules]
        left = [rule for rule in self._old.rules if rule not in self._new.rules]
        rules = f"{len(arrived)} new or changed, {len(left)} gone or changed" if arrived or left else "nothing changed"
        parts = [f"checks: {checks}", f"services: {services}", f"rules: {rules}"]
        before, after = self._old.settings, self._new.settings
        sections = {
            "limits": (before.limits, after.limits),
            "maintenance": (before.maintenance, after.maintenance),
            "alerts": (before.alerts, after.alerts),
            "status page": (before.status_page, after.status_page),
            "telemetry": (before.telemetry, after.telemetry),
            "pings": (before.pings, after.pings),
            "salus": (before.agent, after.agent),
        }
        parts += [f"{name}: changed" for name, (was, is_now) in sections.items() if was != is_now]
        return "; ".join(parts)
