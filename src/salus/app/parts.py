"""Resolved options become running parts that stand at a site: services, checks with their units, rules."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from salus.app.build import Resolved, ResolvedRule
from salus.engine.engine import fresh_states
from salus.engine.healer import targets_of
from salus.engine.units import CheckUnit, RuleUnit
from salus.model import CheckSpec, RuleState
from salus.options import CheckOptions
from salus.ports import Check, Service, Site, Snapshot

_LETTING_GO = 5.0


def make_services(resolved: Resolved, site: Site, only: set[str] | None = None) -> dict[str, Service]:
    """Build the services (or the named ones); none is started."""
    return {
        name: options.build(name, site) for name, options in resolved.services.items() if only is None or name in only
    }


def make_units(resolved: Resolved, site: Site, snapshot: Snapshot) -> dict[str, CheckUnit]:
    """Build the checks with their rules, each with what the ledger remembers of it."""
    states = fresh_states(resolved.checks, snapshot.check_states)
    rules = _rules_by_check(resolved)
    return {
        name: CheckUnit(
            spec=spec,
            check=options.build(site),
            state=states[name],
            service=site.services.get(spec.service) if spec.service else None,
            rules=tuple(make_rule(rule, spec, snapshot.rule_states) for rule in rules.get(name, ())),
            watches=_watches(spec, options),
            share=getattr(options, "shares", None) or "",
            direct=isinstance(getattr(options, "service", None), str),
        )
        for name, (spec, options) in resolved.checks.items()
    }


def make_rule(resolved: ResolvedRule, spec: CheckSpec, remembered: Mapping[str, RuleState]) -> RuleUnit:
    """Build a rule with what it has spent."""
    name = resolved.rule.name
    return RuleUnit(
        rule=resolved.rule,
        ladders=resolved.ladders,
        last_words=resolved.last_words,
        targets=targets_of(spec, resolved.touches),
        memory=remembered.get(name) or RuleState(rule=name),
        condition=resolved.condition,
    )


async def let_go(check: Check) -> None:
    """Let a check close what it keeps open, bounded; a stranger's may keep nothing, and have no ``aclose``."""
    if close := getattr(check, "aclose", None):
        async with asyncio.timeout(_LETTING_GO):
            await close()


def _rules_by_check(resolved: Resolved) -> dict[str, list[ResolvedRule]]:
    found: dict[str, list[ResolvedRule]] = {}
    for rule in resolved.rules:
        found.setdefault(rule.rule.check, []).append(rule)
    return found


def _watches(spec: CheckSpec, options: CheckOptions) -> tuple[str, ...]:
    own = getattr(options, "service", None)
    return tuple(dict.fromkeys(name for name in (own, spec.service) if isinstance(name, str)))
