"""The sections ``rules``, ``limits`` and ``maintenance`` -> the nouns of policy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import msgspec

from salus.config.convert import Converter
from salus.config.shapes import GroupShape, LimitsShape, MaintenanceShape, RuleShape, SelectorShape
from salus.config.sources import Keys, Sources, did_you_mean, known_words
from salus.cron import Cron
from salus.model import (
    ActionSpec,
    CheckSpec,
    GroupSpec,
    Json,
    Limits,
    MaintenanceSpec,
    Mode,
    RecoveryRule,
    Rungs,
    Selector,
    ServiceSpec,
    Status,
)
from salus.units import Share

_APART = (
    "actions",
    "ladders",
    "on_exhausted",
    "check",
    "tags",
    "all_checks",
    "trigger_on",
    "mode",
)

ReadActions = Callable[[Json, Keys], tuple[ActionSpec, ...]]


class PolicyBuilder:
    """Reads what decides; problems go to the converter."""

    def __init__(
        self,
        convert: Converter,
        sources: Sources,
        checks: Mapping[str, CheckSpec],
        services: Mapping[str, ServiceSpec],
        actions: ReadActions,
    ) -> None:
        """Read for these checks and services; ``actions`` reads one ladder."""
        self._convert = convert
        self._sources = sources
        self._checks = checks
        self._services = services
        self._actions = actions

    # ── rules ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def rules(self, section: Mapping[str, Json]) -> list[RecoveryRule]:
        """Read all rules; one with tags becomes one for each check."""
        rules: list[RecoveryRule] = []
        for name, raw in section.items():
            path = ("rules", name)
            shape = self._convert.struct(RuleShape, raw, path)
            entry = raw if isinstance(raw, dict) else {}
            ladders = self._ladders(entry, path)
            last = self._actions(entry.get("on_exhausted"), (*path, "on_exhausted"))
            if isinstance(shape, RuleShape):
                self._judge(shape, ladders, path)
                rules += self._expanded(name, shape, ladders, last)
        return rules

    def _ladders(self, entry: Mapping[str, Json], path: Keys) -> tuple[Rungs, ...]:
        actions, ladders = entry.get("actions"), entry.get("ladders")
        if actions is not None and ladders is not None:
            what = "actions and ladders are both given"
            self._convert.note(
                (*path, "ladders"), what, "keep one of them: ladders holds one list of actions per attempt"
            )
        elif actions is None and ladders is None:
            self._convert.note(path, "the actions are missing", "write actions: [restart_service]", value=False)
        if not isinstance(ladders, list):
            return (self._actions(actions, (*path, "actions")),)
        if not ladders:
            self._convert.note((*path, "ladders"), "there is no ladder in the list", "write [[restart_service]]")
        return tuple(self._actions(rungs, (*path, "ladders", place)) for place, rungs in enumerate(ladders))

    def _judge(self, shape: RuleShape, ladders: tuple[Rungs, ...], path: Keys) -> None:
        """Note what does not fit together."""
        note = self._convert.note
        if shape.exhausted_retry_max < shape.exhausted_retry:
            note((*path, "exhausted_retry_max"), "must not be less than exhausted_retry", "raise it")
        if shape.cooldown_multiplier > 1 and shape.cooldown_max < shape.cooldown_period:
            note((*path, "cooldown_max"), "must not be less than cooldown_period", "raise it")
        if shape.failure_window and shape.failure_window < shape.min_failure_count:
            what = f"{shape.min_failure_count} bad looks cannot be among the last {shape.failure_window}"
            note((*path, "failure_window"), what, "raise it, or lower min_failure_count")
        if len(ladders) > shape.max_recovery_attempts:
            what = f"{shape.max_recovery_attempts} attempts never reach ladder {len(ladders)}"
            note((*path, "ladders"), what, f"say max_recovery_attempts: {len(ladders)} or more")
        if shape.when and shape.trigger_on is not None:
            what = "trigger_on and when are both given"
            remedy = "keep one of them: a condition can say status == 'unhealthy' itself"
            note((*path, "trigger_on"), what, remedy, value=False)

    def _expanded(self, name: str, shape: RuleShape, ladders: tuple[Rungs, ...], last: Rungs) -> list[RecoveryRule]:
        """Make one rule, or one for each check that it watches."""
        path = ("rules", name)
        fields = plain({key: value for key, value in msgspec.structs.asdict(shape).items() if key not in _APART})
        fields |= {"ladders": ladders, "on_exhausted": last, "mode": Mode(shape.mode)}
        fields["trigger_on"] = Status(shape.trigger_on or "degraded")
        if shape.tags is None and not shape.all_checks:
            return [RecoveryRule(name=name, check=shape.check or name, **fields)]
        matching = self._matching(shape, path)
        for check in matching:
            self._sources.alias(("rules", f"{name}[{check}]"), path)
        return [RecoveryRule(name=f"{name}[{check}]", check=check, **fields) for check in matching]

    def _matching(self, shape: RuleShape, path: Keys) -> list[str]:
        given = [key for key in ("check", "tags", "all_checks") if getattr(shape, key) not in (None, False)]
        if len(given) > 1:
            what = f"{given[0]} and {given[1]} are both given"
            self._convert.note((*path, given[1]), what, "keep one of them", value=False)
        if shape.all_checks:
            return list(self._checks)
        tags = shape.tags or ()
        at = (*path, "tags")
        if not tags:
            self._convert.note(at, "no tag is given, so no check is meant", "name a tag, or say all_checks: true")
        matching = [check.name for check in self._checks.values() if set(check.tags) & set(tags)]
        if tags and not matching:
            known = {tag for check in self._checks.values() for tag in check.tags}
            remedy = did_you_mean(tags[0], known) or known_words(known) or "give tags to checks"
            self._convert.note(at, "no check has any of these tags", remedy)
        if len(matching) == len(self._checks) > 1:
            what = "these tags match every check"
            self._convert.note(at, what, "say all_checks: true instead, if that is meant")
        return matching

    # ── limits and maintenance ────────────────────────────────────────────────────────────────────────────────────────

    def limits(self, shape: LimitsShape | None) -> Limits:
        """Read the blast radius."""
        if shape is None:
            return Limits()
        note = self._convert.note
        for less, more in (("storm_hold", "storm_hold_max"), ("circuit_retry", "circuit_retry_max")):
            if getattr(shape, more) < getattr(shape, less):
                note(("limits", more), f"must not be less than {less}", "raise it")
        fields = plain({key: value for key, value in msgspec.structs.asdict(shape).items() if key != "groups"})
        fields |= {"mode": Mode(shape.mode), "groups": tuple(self._groups(shape.groups))}
        return Limits(**fields)

    def _groups(self, shapes: Mapping[str, GroupShape]) -> Iterator[GroupSpec]:
        for name, shape in shapes.items():
            path = ("limits", "groups", name)
            # As in Kubernetes, a share may stand where a number may.
            bounds = (shape.max_unavailable, shape.max_unavailable_share)
            shares = [float(bound) for bound in bounds if isinstance(bound, Share)]
            numbers = [bound for bound in bounds if isinstance(bound, int)]
            if not shares and not numbers:
                self._convert.note(path, "no bound is given", "say max_unavailable: 1, or 30%", value=False)
            yield GroupSpec(
                name=name,
                members=self._selector(shape, path),
                max_unavailable=min(numbers, default=None),
                max_unavailable_share=min(shares, default=None),
            )

    def maintenance(self, section: Mapping[str, Json]) -> tuple[MaintenanceSpec, ...]:
        """Read the windows that come again and again."""
        windows: list[MaintenanceSpec] = []
        for name, raw in section.items():
            path = ("maintenance", name)
            shape = self._convert.struct(MaintenanceShape, raw, path)
            if not isinstance(shape, MaintenanceShape):
                continue
            members = self._selector(shape, path)
            if self._comes(shape, path):
                windows.append(
                    MaintenanceSpec(
                        name=name,
                        cron=shape.cron,
                        duration=float(shape.duration),
                        time_zone=shape.time_zone,
                        members=members,
                        description=shape.description,
                    )
                )
        return tuple(windows)

    def _comes(self, shape: MaintenanceShape, path: Keys) -> bool:
        try:
            Cron(shape.cron, shape.time_zone)
        except LookupError as error:
            self._convert.note((*path, "time_zone"), str(error), "write a name such as Europe/Berlin or UTC")
        except ValueError as error:
            remedy = 'write five fields: minute hour day month weekday, such as "0 2 * * *"'
            self._convert.note((*path, "cron"), str(error), remedy)
        else:
            return True
        return False

    def _selector(self, shape: SelectorShape, path: Keys) -> Selector:
        tags = {tag for check in self._checks.values() for tag in check.tags}
        known: tuple[tuple[str, str, Collection[str]], ...] = (
            ("checks", "check", self._checks),
            ("tags", "tag", tags),
            ("services", "service", self._services),
        )
        for key, noun, names in known:
            for place, name in enumerate(getattr(shape, key)):
                if name not in names:
                    remedy = did_you_mean(name, names) or known_words(names) or f"there are no {key}"
                    self._convert.note((*path, key, place), f"there is no {noun} {name!r}", remedy)
        members = Selector(checks=shape.checks, tags=shape.tags, services=shape.services, everything=shape.everything)
        if not members:
            remedy = "name checks, tags or services, or say everything: true"
            self._convert.note(path, "nothing is meant by this", remedy, value=False)
        return members


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Make plain numbers of durations and shares: from here on, nobody needs to know how they were written."""
    return {key: float(value) if isinstance(value, float) else value for key, value in values.items()}
