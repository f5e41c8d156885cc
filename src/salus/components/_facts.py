"""What a part said at one look, read with care: a wrong type is a broken check, not a broken part."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from numbers import Real

from salus.components._part import told
from salus.errors import CheckBrokenError
from salus.model import Cause, Metric

_EARLIEST = 1e9  # a Unix time is later than September 2001; what is less is a monotonic clock's, or a duration
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Reading:
    """A member that each look asks, where it is there.

    Attributes:
        member: its name.
        metric: the number that it becomes; empty for what is no number.
        unit: of that number.
        since: the member says a moment, and the number is its age in seconds.
    """

    member: str
    metric: str = ""
    unit: str = ""
    since: bool = False


def number(member: str, *, metric: str = "", unit: str = "") -> Reading:
    """Read a number. One in seconds or bytes says so in its metric's name."""
    return Reading(member, metric or (f"{member}_{unit}" if unit in ("seconds", "bytes") else member), unit)


def moment(member: str) -> Reading:
    """Read a moment, whose age is the metric."""
    return Reading(member, f"{member}_age_seconds", "seconds", since=True)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the members of a part said.

    Attributes:
        part: its name, for errors.
        answers: by member; a member that the part does not have is not there.
        at: when the look began.
    """

    part: str
    answers: Mapping[str, object]
    at: datetime

    def number(self, member: str) -> float | None:
        """Return a number; None where the part does not say it."""
        answer = self.answers.get(member)
        if answer is None:
            return None
        if isinstance(answer, bool) or not isinstance(answer, Real) or not math.isfinite(answer):
            raise self._refused(member, answer, "a number, or None")
        return float(answer)

    def needed(self, member: str) -> float:
        """Return a number that the part must say."""
        answer = self.number(member)
        if answer is None:
            raise self._refused(member, None, "a number")
        return answer

    def flag(self, member: str) -> bool:
        """Return what a member says that can only be true or false."""
        answer = self.answers.get(member)
        if not isinstance(answer, bool):
            raise self._refused(member, answer, "True or False")
        return answer

    def age(self, member: str) -> float | None:
        """Return seconds since the moment that a member names; None where it names none.

        The moment is an aware ``datetime``, or seconds since 1970 as ``time.time()`` gives them.
        """
        answer = self.answers.get(member)
        if answer is None:
            return None
        if isinstance(answer, datetime):
            if answer.tzinfo is None:
                raise self._refused(member, answer, "a datetime with a time zone, as datetime.now(UTC) gives it")
            return max(0.0, (self.at - answer).total_seconds())
        if isinstance(answer, bool) or not isinstance(answer, Real) or not _EARLIEST < float(answer) < math.inf:
            raise self._refused(
                member, answer, "a moment: an aware datetime, or seconds since 1970 as time.time() gives them"
            )
        return max(0.0, self.at.timestamp() - float(answer))

    def names(self, member: str) -> frozenset[str] | None:
        """Return names, where a member says names; None where it says a number or nothing."""
        answer = self.answers.get(member)
        if isinstance(answer, Collection) and not isinstance(answer, str | bytes):
            return frozenset(map(str, answer))
        return None

    def count(self, member: str) -> float | None:
        """Return a number, or how many names there are."""
        names = self.names(member)
        return self.number(member) if names is None else float(len(names))

    def because(self, member: str) -> str:
        """Return why, where a member (an exception, or a text) says so, to be put behind what is wrong."""
        answer = self.answers.get(member)
        said = told(answer) if isinstance(answer, BaseException) else str(answer or "")
        return f": {said}" if said else ""

    def objection(self, member: str) -> str:
        """Return what a probe found wrong, or an empty string.

        Nothing and true are good; false, a text and a collection that is not empty (what is wrong) are bad.
        """
        answer = self.answers.get(member)
        if answer is None or answer is True:
            return ""
        if answer is False:
            return f"{member}() says no"
        if isinstance(answer, str):
            return answer.strip()
        if isinstance(answer, Collection) and not isinstance(answer, bytes | bytearray):
            return f"{len(answer)} wrong: {listed(map(str, answer))}" if answer else ""
        raise self._refused(
            member, answer, "nothing or True when all is well, and False, a text or what is wrong otherwise"
        )

    def metrics(self, readings: Iterable[Reading]) -> dict[str, Metric]:
        """Return what these readings say in numbers."""
        found: dict[str, Metric] = {}
        for reading in readings:
            if not reading.metric or reading.metric in found:
                continue
            value = self.age(reading.member) if reading.since else self.count(reading.member)
            if value is not None:
                found[reading.metric] = Metric(value, reading.unit)
        return found

    def _refused(self, member: str, answer: object, expected: str) -> CheckBrokenError:
        said = repr(answer)
        said = said if len(said) <= 80 else f"{said[:79]}…"
        return CheckBrokenError(
            f"{member}() of {self.part} returned {said}",
            remedy=f"return {expected}",
            cause=Cause.CRASHED,
        )


def listed(names: Iterable[str]) -> str:
    """Return the first few names, and how many more there are."""
    every = sorted(names)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + more


def shown(number: float) -> str:
    """Write a count."""
    return f"{number:.0f}" if number.is_integer() else f"{number:.4g}"
