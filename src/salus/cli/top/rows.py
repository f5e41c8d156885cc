"""Which rows each section has, in their order; what a row is about. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from salus.cli.top.picture import Picture, Told

_WORST_FIRST = {"unhealthy": 0, "degraded": 1, "unknown": 2}
_FAILING = ("unhealthy", "degraded")


class Section(StrEnum):
    """The sections, in the order in which Tab goes through them."""

    ATTENTION = "attention"
    RECOVERIES = "recoveries"
    CHECKS = "checks"
    SERVICES = "services"
    ALERTS = "alerts"
    EVENTS = "events"


@dataclass(frozen=True, slots=True)
class Sieve:
    """What is to be seen of all rows."""

    failing: bool = False
    text: str = ""

    @property
    def holds_back(self) -> bool:
        """Tell whether anything may be missing."""
        return self.failing or bool(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a section.

    Attributes:
        key: tells it from the others of its section.
        told: what is shown of it.
        check: the check that it is about; empty where there is none.
        rule: the rule that it is about, where that is known.
        alert: the alert that it is.
    """

    key: str
    told: Told
    check: str = ""
    rule: str = ""
    alert: str = ""


def rows(picture: Picture, section: Section, sieve: Sieve) -> list[Row]:
    """Return the rows of a section that are to be seen."""
    found = _ROWS[section](picture)
    if sieve.failing and section is Section.CHECKS:
        found = [row for row in found if row.told["status"] in _FAILING]
    if sieve.text:
        found = [row for row in found if _has(row, sieve.text.casefold())]
    return found


def _has(row: Row, text: str) -> bool:
    told = row.told
    said = [row.key, row.check, *(str(told.get(name) or "") for name in _SEARCHED)]
    return any(text in one.casefold() for one in (*said, *told.get("tags", ())))


_SEARCHED = ("message", "summary", "description", "status", "state", "kind", "service", "rule")


def _attention(picture: Picture) -> list[Row]:
    bad = [one for one in picture.part("checks") if one["status"] in _WORST_FIRST]
    bad.sort(key=lambda one: (_WORST_FIRST[one["status"]], not one["critical"], one["since"] or ""))
    return [_check(one) for one in bad]


def _check(told: Told) -> Row:
    return Row(key=told["name"], told=told, check=told["name"])


def _checks(picture: Picture) -> list[Row]:
    return [_check(one) for one in picture.part("checks")]


def _recoveries(picture: Picture) -> list[Row]:
    return [
        Row(key=one["id"], told=one, check=one["check"], rule=one["rule"])
        for one in sorted(picture.part("recoveries"), key=lambda one: str(one["started_at"]))
    ]


def _services(picture: Picture) -> list[Row]:
    watched: dict[str, str] = {}
    for one in picture.part("checks"):
        watched.setdefault(one["service"] or "", one["name"])
    return [Row(key=one["name"], told=one, check=watched.get(one["name"], "")) for one in picture.part("services")]


def _alerts(picture: Picture) -> list[Row]:
    return [Row(key=one["id"], told=one, check=one["check"] or "", alert=one["id"]) for one in picture.part("alerts")]


def _events(picture: Picture) -> list[Row]:
    return [
        Row(key=str(one["id"]), told=one, check=one.get("check", ""), rule=one.get("rule", ""))
        for one in picture.events
    ]


_ROWS: Mapping[Section, Callable[[Picture], list[Row]]] = {
    Section.ATTENTION: _attention,
    Section.RECOVERIES: _recoveries,
    Section.CHECKS: _checks,
    Section.SERVICES: _services,
    Section.ALERTS: _alerts,
    Section.EVENTS: _events,
}


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where one is in a section: on a row, and where that was, for when it has gone."""

    key: str = ""
    place: int = 0

    def among(self, found: Sequence[Row]) -> int:
        """Return the place of the row that is meant."""
        for place, row in enumerate(found):
            if row.key == self.key:
                return place
        return max(0, min(self.place, len(found) - 1))


def rule_of(picture: Picture, row: Row) -> str:
    """Return the rule that would heal what a row is about: the first that is switched on; empty where there is none."""
    if row.rule:
        return row.rule
    mine = [one for one in picture.part("rules") if row.check and one["check"] == row.check]
    mine.sort(key=lambda one: not one["enabled"])
    return str(mine[0]["name"]) if mine else ""


def alert_of(picture: Picture, row: Row) -> str:
    """Return the alert about a row, one that nobody has taken first; empty where there is none."""
    if row.alert:
        return row.alert
    mine = [one for one in picture.part("alerts") if row.check and one["check"] == row.check]
    mine.sort(key=lambda one: str(one["state"]) != "firing")
    return str(mine[0]["id"]) if mine else ""
