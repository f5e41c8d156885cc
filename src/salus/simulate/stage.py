"""A resolved config, with every check, service and action replaced by its simulated likeness."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from salus.app.build import BuiltLadder, Resolved, ResolvedRule
from salus.model import CheckSpec
from salus.options import CheckOptions, ServiceOptions
from salus.ports import Check, Service, Site
from salus.simulate.chance import stream
from salus.simulate.parts import SimAction, SimCheck, SimService
from salus.simulate.world import World

_NO_LIMIT = float("inf")


class _SimCheckOptions(CheckOptions, frozen=True, kw_only=True):
    """Builds the likeness of a check; ``service`` is what the real one looks at itself."""

    world: Any
    name: str
    subject: str | None
    service: str | None

    def build(self, site: Site) -> Check:
        """Make the check."""
        world: World = self.world
        subject = world.subject("service", self.subject) if self.subject else world.subject("check", self.name)
        chance = stream(world.seed, f"looks/{self.name}")
        check = SimCheck(world, self.name, subject, chance, direct=self.service is not None)
        world.checks[self.name] = check
        return check


class _SimServiceOptions(ServiceOptions, frozen=True, kw_only=True):
    """Builds the likeness of a service."""

    world: Any
    kind: str
    start_timeout: float

    def build(self, name: str, site: Site) -> Service:
        """Make the service."""
        world: World = self.world
        chance = stream(world.seed, f"starts/{name}")
        service = SimService(world, site, name, chance, kind=self.kind, start_timeout=self.start_timeout)
        world.services[name] = service
        return service


def simulated(resolved: Resolved, world: World) -> Resolved:
    """Return the same config over a simulated world; what it builds is entered there."""
    return replace(
        resolved,
        checks={name: (spec, _check(world, spec, options)) for name, (spec, options) in resolved.checks.items()},
        services={name: _service(world, resolved, name, options) for name, options in resolved.services.items()},
        rules=tuple(_rule(world, rule) for rule in resolved.rules),
    )


def _check(world: World, spec: CheckSpec, options: CheckOptions) -> CheckOptions:
    own = getattr(options, "service", None)
    looked_at = own if isinstance(own, str) else None
    return _SimCheckOptions(world=world, name=spec.name, subject=looked_at or spec.service, service=looked_at)


def _service(world: World, resolved: Resolved, name: str, options: ServiceOptions) -> ServiceOptions:
    limit = float(getattr(options, "start_timeout", _NO_LIMIT))
    return _SimServiceOptions(world=world, kind=resolved.settings.services[name].kind, start_timeout=limit)


def _rule(world: World, rule: ResolvedRule) -> ResolvedRule:
    name = rule.rule.name
    ladders = tuple(_ladder(world, f"{name}/{place}", ladder) for place, ladder in enumerate(rule.ladders))
    return replace(rule, ladders=ladders, last_words=_ladder(world, f"{name}/last", rule.last_words))


def _ladder(world: World, label: str, ladder: BuiltLadder) -> BuiltLadder:
    return tuple(
        (spec, SimAction(world, spec.kind, action, stream(world.seed, f"actions/{label}/{place}")))
        for place, (spec, action) in enumerate(ladder)
    )
