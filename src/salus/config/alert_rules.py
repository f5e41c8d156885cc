"""The rules of ``alerts:`` -> ``AlertRule``, and behind them Salus' own."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from salus.config import alert_defaults
from salus.config.alert_shapes import AlertRuleShape
from salus.config.convert import Converter
from salus.config.interpolation import Interpolated
from salus.config.leaves import shown
from salus.config.sources import Keys, Sources, did_you_mean, known_words
from salus.model import ALERT_WORDS, RESERVED_LABELS, AlertRule, Comparison, Happening, Json, Selector, Status

TRIGGERS = ("status", "metric", "when", "on")
MEMBERS = ("check", "checks", "tags", "services", "all_checks")
COMPARISONS = tuple(one.value for one in Comparison)
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BRACES = re.compile(r"\{([^{}]*)\}|[{}]")


class AlertRulesBuilder:
    """Reads when alerts are raised; problems go to the converter."""

    def __init__(self, convert: Converter, sources: Sources, checks: Collection[str]) -> None:
        """Read for the checks of these names."""
        self._convert = convert
        self._sources = sources
        self._checks = checks

    def rules(self, section: Mapping[str, Json], *, default_rules: bool) -> tuple[AlertRule, ...]:
        """Read all rules; Salus' own stand behind them, unless they are replaced or not wanted."""
        rules: dict[str, AlertRule] = {}
        for name, raw in section.items():
            path: Keys = ("alerts", "rules", name)
            shape = self._convert.struct(AlertRuleShape, raw, path)
            if isinstance(shape, AlertRuleShape):
                rules[name] = self._rule(name, shape, raw if isinstance(raw, dict) else {}, path)
        wanted = {name: rule for name, rule in alert_defaults.RULES.items() if default_rules and name not in rules}
        own = wanted | {name: rule for name, rule in rules.items() if rule.builtin}
        order = [name for name in alert_defaults.RULES if name in own]
        return (*(rule for rule in rules.values() if not rule.builtin), *(own[name] for name in order))

    def _rule(self, name: str, shape: AlertRuleShape, entry: Mapping[str, Json], path: Keys) -> AlertRule:
        self._judge_message(shape.message, entry, path)
        self.judge_labels(shape.labels, (*path, "labels"))
        self.judge_link(shape.runbook, entry.get("runbook"), (*path, "runbook"))
        said: dict[str, Any] = {
            "level": shape.level,
            "hold": float(shape.hold),
            "cooldown": float(shape.cooldown),
            "message": shape.message,
            "labels": shape.labels,
            "runbook": shape.runbook,
            "enabled": shape.enabled,
        }
        if is_own(name, entry):
            keys = {"hold": "for"}
            return replace(
                alert_defaults.RULES[name],
                **{field: value for field, value in said.items() if entry.get(keys.get(field, field)) is not None},
            )
        raised = self._raised_by(shape, path)
        return AlertRule(name=name, members=self._members(name, shape, path), **raised, **said)

    # ── What raises it ────────────────────────────────────────────────────────────────────────────────────────────────

    def _raised_by(self, shape: AlertRuleShape, path: Keys) -> dict[str, Any]:
        """Return the fields of the one thing that a rule asks; anything but one is a problem."""
        note = self._convert.note
        given = [key for key in TRIGGERS if getattr(shape, key) is not None]
        compared = [key for key in COMPARISONS if getattr(shape, key) is not None]
        for other in given[1:]:
            remedy = "keep one of them, and make another rule of the other"
            note((*path, other), f"{given[0]} and {other} are both given", remedy, value=False)
        if compared and "metric" not in given:
            what = f"{compared[0]} is given without a metric"
            note((*path, compared[0]), what, "say metric: NAME, a number that the check observes", value=False)
        elif not given:
            remedy = "say status: unhealthy, metric: NAME with a bound, when: CONDITION, or on: exhausted"
            note(path, "nothing is said that would raise this alert", remedy, value=False)
        if shape.when is not None and not shape.when.strip():
            note((*path, "when"), "there is no condition here", "write one, such as metrics.rss_bytes > 1e9")
        raised: dict[str, Any] = {"status": Status(shape.status) if shape.status else None, "when": shape.when or ""}
        if shape.metric is not None:
            raised |= self._comparison(shape, compared, path)
        return raised | {"on": self._happenings(shape.on, path)}

    def _comparison(self, shape: AlertRuleShape, compared: list[str], path: Keys) -> dict[str, Any]:
        note, at = self._convert.note, (*path, "metric")
        if not (shape.metric or "").strip():
            note(at, "there is no name here", "name a number that the check observes, such as free_ratio")
        if not compared:
            note(at, "nothing is said about this metric", "add one of above, below, equals and not_equals")
            return {}
        for other in compared[1:]:
            remedy = "keep one of them, and make another rule of the other"
            note((*path, other), f"{compared[0]} and {other} are both given", remedy, value=False)
        bound = float(getattr(shape, compared[0]))
        return {"metric": shape.metric, "comparison": Comparison(compared[0]), "bound": bound}

    def _happenings(self, on: Happening | tuple[Happening, ...] | None, path: Keys) -> tuple[Happening, ...]:
        if on == ():
            self._convert.note((*path, "on"), "there is nothing in the list", "name what happens, such as exhausted")
        return on if isinstance(on, tuple) else () if on is None else (on,)

    # ── Which checks ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _members(self, name: str, shape: AlertRuleShape, path: Keys) -> Selector:
        given = [key for key in MEMBERS if getattr(shape, key) not in (None, False)]
        for other in given[1:]:
            what = f"{given[0]} and {other} are both given"
            self._convert.note((*path, other), what, "keep one of them", value=False)
        if not given:
            return Selector(checks=(name,) if name in self._checks else ())
        checks = (shape.check,) if shape.check is not None else shape.checks or ()
        return Selector(
            checks=checks, tags=shape.tags or (), services=shape.services or (), everything=shape.all_checks
        )

    # ── What is told ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _judge_message(self, message: str, entry: Mapping[str, Json], path: Keys) -> None:
        """See that every brace holds a word that stands for something."""
        at = (*path, "message")
        for place, what, remedy in _strange_braces(message):
            if isinstance(entry.get("message"), Interpolated):
                # What became of it may be a secret, and has no columns in the file.
                self._convert.note(at, f"{shown(entry['message'])} holds a brace without a known word", remedy)
                return
            before = message[:place]
            line, column = before.count("\n") + 1, place - (before.rfind("\n") + 1) + 1
            self._convert.problems.append(self._sources.problem_inside(at, what, remedy, line=line, column=column))

    def judge_labels(self, labels: Mapping[str, str], path: Keys) -> None:
        """See that names of labels are names, and not those that Salus gives itself."""
        for name in labels:
            if name in RESERVED_LABELS:
                what = f"Salus itself gives the label {name!r}"
                self._convert.note((*path, name), what, "take another name", value=False)
            else:
                self.judge_label(name, (*path, name), value=False)

    def judge_label(self, name: str, path: Keys, *, value: bool = True) -> None:
        """See that a label can have that name."""
        if not _LABEL.fullmatch(name):
            remedy = "use letters, digits and '_', and begin with a letter or '_'"
            self._convert.note(path, f"{name!r} cannot be the name of a label", remedy, value=value)

    def judge_link(self, link: str, raw: Json, path: Keys) -> None:
        """See that a link is one that a browser opens."""
        if link and not _is_link(link):
            what = f"{shown(raw)} is not the address of a page"
            self._convert.note(path, what, "write it in full, such as https://example.org/runbooks/web")


def is_own(name: str, entry: Mapping[str, Json]) -> bool:
    """Tell whether a rule is one of Salus' own, of which it changes a few words: nothing else raises it."""
    apart = (*TRIGGERS, *MEMBERS, *COMPARISONS)
    return name in alert_defaults.RULES and all(entry.get(key) in (None, False) for key in apart)


def _strange_braces(message: str) -> Iterator[tuple[int, str, str]]:
    """Yield where a brace holds no known word, what is wrong there, and the remedy."""
    listed = f"braces hold one word; {known_words(ALERT_WORDS)}"
    for found in _BRACES.finditer(message):
        if found[1] is None:
            yield found.start(), f"a {found[0]!r} stands here by itself", listed
        elif found[1] not in ALERT_WORDS:
            yield found.start(), f"nothing is known as {found[0]}", did_you_mean(found[1], ALERT_WORDS) or listed


def _is_link(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"[\s\x00-\x1f]", text)
    except ValueError:
        return False
