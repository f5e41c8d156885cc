"""A resolved config, with every check, service and action replaced by what repeats the past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from salus.app.build import BuiltLadder, Resolved, ResolvedRule
from salus.model import CheckSpec
from salus.options import CheckOptions, ServiceOptions
from salus.ports import Check, Service, Site
from salus.simulate.backtest.course import Course
from salus.simulate.backtest.parts import Past, ReplayAction, ReplayCheck, ReplayService


class _ReplayCheckOptions(CheckOptions, frozen=True, kw_only=True):
    """Builds what repeats a check. ``service``: what the real one looks at; ``shared``: what its failures share."""

    course: Any
    service: str | None
    shared: str | None

    @property
    def shares(self) -> str | None:
        """Name what the real one has in common with others."""
        return self.shared

    def build(self, site: Site) -> Check:
        """Make the check."""
        return ReplayCheck(self.course)


class _ReplayServiceOptions(ServiceOptions, frozen=True, kw_only=True):
    """Builds what repeats a service."""

    kind: str

    def build(self, name: str, site: Site) -> Service:
        """Make the service."""
        return ReplayService(name, self.kind, site)


def replayed(resolved: Resolved, courses: Mapping[str, Course], past: Past) -> Resolved:
    """Return the same config over the past."""
    kinds = {name: spec.kind for name, spec in resolved.settings.services.items()}
    return replace(
        resolved,
        checks={name: (spec, _check(spec, options, courses)) for name, (spec, options) in resolved.checks.items()},
        services={name: _ReplayServiceOptions(kind=kinds[name]) for name in resolved.services},
        rules=tuple(_rule(past, rule) for rule in resolved.rules),
    )


def _check(spec: CheckSpec, options: CheckOptions, courses: Mapping[str, Course]) -> CheckOptions:
    own = getattr(options, "service", None)
    service = own if isinstance(own, str) else None
    shared = getattr(options, "shares", None)
    return _ReplayCheckOptions(course=courses.get(spec.name), service=service, shared=shared)


def _rule(past: Past, rule: ResolvedRule) -> ResolvedRule:
    ladders = tuple(_ladder(past, ladder) for ladder in rule.ladders)
    return replace(rule, ladders=ladders, last_words=_ladder(past, rule.last_words))


def _ladder(past: Past, ladder: BuiltLadder) -> BuiltLadder:
    return tuple((spec, ReplayAction(past, spec.kind, action)) for spec, action in ladder)
