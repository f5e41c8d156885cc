"""The sections ``rules``, ``limits`` and ``maintenance`` -> the nouns of policy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from salus.config.convert import Converter
from salus.config.shapes import GroupShape, LimitsShape, MaintenanceShape, RuleShape, SelectorShape
from salus.config.sources import Keys, Sources, did_you_mean
from salus.cron import Cron
from salus.errors import Problem
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
    "when",
    "mode",
)
_RULE_PAIRS = (("cooldown_period", "cooldown_max"), ("exhausted_retry", "exhausted_retry_max"))
_LIMIT_PAIRS = (("storm_hold", "storm_hold_max"), ("circuit_retry", "circuit_retry_max"))
_ANY_DAY, _MOST_STEPS = datetime(2024, 1, 1, tzinfo=UTC), 10_000

ReadActions = Callable[[Json, Keys], tuple[ActionSpec, ...]]


class PolicyBuilder:
    """Reads what decides; problems go to the converter."""

    def __init__(
        self,
        convert: Converter,
        sources: Sources,
        checks: Mapping[str, CheckSpec],
        actions: ReadActions,
    ) -> None:
        """Read for these checks; ``actions`` reads one ladder."""
        self._convert = convert
        self._sources = sources
        self._checks = checks
        self._actions = actions
        self.warnings: list[Problem] = []

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
                raised = self._ordered(shape, entry, _RULE_PAIRS, path)
                rules += self._expanded(name, shape, {"ladders": ladders, "on_exhausted": last, **raised})
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
        if len(ladders) == 1:  # whoever knows the rule only as it became looks under the one ladder's usual name
            self._sources.alias((*path, "actions"), (*path, "ladders", 0))
        return tuple(self._actions(rungs, (*path, "ladders", place)) for place, rungs in enumerate(ladders))

    def _judge(self, shape: RuleShape, ladders: tuple[Rungs, ...], path: Keys) -> None:
        """Note what does not fit together."""
        note = self._convert.note
        if shape.failure_window and shape.failure_window < shape.min_failure_count:
            what = f"{shape.min_failure_count} bad looks cannot be among the last {shape.failure_window}"
            note((*path, "failure_window"), what, "raise it, or lower min_failure_count")
        if len(ladders) > shape.max_recovery_attempts:
            what = f"{shape.max_recovery_attempts} attempts never reach ladder {len(ladders)}"
            note((*path, "ladders"), what, f"say max_recovery_attempts: {len(ladders)} or more")
        if shape.when is not None and not shape.when.strip():
            note((*path, "when"), "there is no condition here", "write one, such as metrics.rss_bytes > 1e9")
        if shape.when is not None and shape.trigger_on is not None:
            what = "trigger_on and when are both given"
            remedy = "keep one of them: a condition can say status == 'unhealthy' itself"
            note((*path, "trigger_on"), what, remedy, value=False)

    def _ordered(
        self, shape: msgspec.Struct, entry: Mapping[str, Json], pairs: Iterable[tuple[str, str]], path: Keys
    ) -> dict[str, float]:
        """Note a maximum that is too low; one that nobody said is raised: returns those."""
        raised: dict[str, float] = {}
        for less, more in pairs:
            if getattr(shape, more) < getattr(shape, less):
                raised[more] = float(getattr(shape, less))
                if more in entry:
                    self._convert.note((*path, more), f"must not be less than {less}", f"raise it, or lower {less}")
        return raised

    def _expanded(self, name: str, shape: RuleShape, made: Mapping[str, Any]) -> list[RecoveryRule]:
        """Make one rule, or one for each check that it watches."""
        path = ("rules", name)
        fields = plain({key: value for key, value in msgspec.structs.asdict(shape).items() if key not in _APART})
        fields |= {**made, "mode": Mode(shape.mode), "when": shape.when or ""}
        fields["trigger_on"] = Status(shape.trigger_on or "degraded")
        given = [key for key in ("check", "tags", "all_checks") if getattr(shape, key) not in (None, False)]
        if len(given) > 1:
            what = f"{given[0]} and {given[1]} are both given"
            self._convert.note((*path, given[1]), what, "keep one of them", value=False)
        if shape.tags is None and not shape.all_checks:
            return [RecoveryRule(name=name, check=shape.check or name, **fields)]
        tags = set(shape.tags or ())
        matching = [check.name for check in self._checks.values() if shape.all_checks or tags & set(check.tags)]
        for check in matching:
            self._sources.alias(("rules", f"{name}[{check}]"), path)
        return [RecoveryRule(name=f"{name}[{check}]", check=check, **fields) for check in matching]

    # ── limits and maintenance ────────────────────────────────────────────────────────────────────────────────────────

    def limits(self, shape: LimitsShape | None, entry: Mapping[str, Json]) -> Limits:
        """Read the blast radius; ``entry`` is what the section says."""
        if shape is None:
            return Limits()
        fields = plain({key: value for key, value in msgspec.structs.asdict(shape).items() if key != "groups"})
        fields |= {"mode": Mode(shape.mode), "groups": tuple(self._groups(shape.groups))}
        return Limits(**fields | self._ordered(shape, entry, _LIMIT_PAIRS, ("limits",)))

    def _groups(self, shapes: Mapping[str, GroupShape]) -> Iterator[GroupSpec]:
        for name, shape in shapes.items():
            path = ("limits", "groups", name)
            # As in Kubernetes, a share may stand where a number may.
            bounds = (shape.max_unavailable, shape.max_unavailable_share)
            shares = [float(bound) for bound in bounds if isinstance(bound, Share)]
            numbers = [bound for bound in bounds if isinstance(bound, int)]
            if not shares and not numbers:
                self._convert.note(path, "no bound is given", "say max_unavailable: 1, or 30%", value=False)
            for key in ("max_unavailable", "max_unavailable_share"):
                if (bound := getattr(shape, key)) is not None and bound <= 0:
                    what = "with no member out of service nothing here could ever be healed"
                    self._convert.note((*path, key), what, "say 1 or more, or a share such as 30%")
            yield GroupSpec(
                name=name,
                members=_selector(shape),
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
            if self._comes(shape, path):
                windows.append(
                    MaintenanceSpec(
                        name=name,
                        cron=shape.cron,
                        duration=float(shape.duration),
                        time_zone=shape.time_zone,
                        members=_selector(shape),
                        description=shape.description,
                    )
                )
        return tuple(windows)

    def _comes(self, shape: MaintenanceShape, path: Keys) -> bool:
        try:
            cron = Cron(shape.cron, shape.time_zone)
        except LookupError as error:
            self._convert.note((*path, "time_zone"), str(error), known_zones(shape.time_zone))
        except ValueError as error:
            remedy = 'write five fields: minute hour day month weekday, such as "0 2 * * *"'
            self._convert.note((*path, "cron"), str(error), remedy)
        else:
            if _never_ends(cron, timedelta(seconds=shape.duration)):
                what = "it begins again before it ends, so it is always open and nothing there is ever healed"
                remedy = "shorten it, or let it begin less often"
                self.warnings.append(self._sources.problem((*path, "duration"), what, remedy))
            return True
        return False


def _selector(shape: SelectorShape) -> Selector:
    return Selector(checks=shape.checks, tags=shape.tags, services=shape.services, everything=shape.everything)


def known_zones(wanted: str) -> str:
    """Return the remedy for a time zone that there is not."""
    from zoneinfo import available_timezones

    zones = available_timezones()
    if not zones:
        return "this host has no time zones: install its package tzdata, or write UTC"
    return did_you_mean(wanted, zones) or "write a name such as Europe/Berlin or UTC"


def _never_ends(cron: Cron, duration: timedelta) -> bool:
    """Tell whether each window flows into the next, as far as one look at some months or a year tells."""
    begun = cron.first(_ANY_DAY)
    end = begun and begun + timedelta(days=400 if duration >= timedelta(hours=1) else 31)
    for _ in range(_MOST_STEPS):
        if begun is None or end is None or begun > end:
            return begun is not None
        later = cron.latest(begun + duration)
        if later is None or later <= begun:
            return False
        begun = later
    return False


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Make plain numbers of durations and shares: from here on, nobody needs to know how they were written."""
    return {key: float(value) if isinstance(value, float) else value for key, value in values.items()}
