"""The one idiom in which every local check bounds a number, and the one way it is judged.

A number ``x`` has up to four options: ``x_above`` and ``x_below`` (unhealthy when it is not so), ``warn_x_above`` and
``warn_x_below`` (degraded when it is not so). Bounds are strict: exactly at the bound is outside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from salus.model import NO_METRICS, NOTHING, Json, Metric, Observation, Status
from salus.options import CheckOptions
from salus.ports import Look
from salus.units import Amount

_WARN = "warn_"
_LONGEST = 500


def show_count(value: float) -> str:
    """Write a plain number: ``3``, ``0.25``, ``1234567``."""
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.4g}"


def show_share(value: float) -> str:
    """Write a ratio as a person would: ``4.1%``."""
    return f"{value * 100:.3g}%" if abs(value) < 9.995 else f"{value * 100:.0f}%"


class BoundedOptions(CheckOptions, frozen=True, kw_only=True):
    """Base of options that hold bounds: sees that each pair makes sense."""

    def problems(self) -> list[tuple[str, str]]:
        """Find warnings that could never come first, and ranges that are empty."""
        found: list[tuple[str, str]] = []
        for field in self.__struct_fields__:
            clash = self._never_first(field) if field.startswith(_WARN) else ""
            if not clash and field.endswith("_above"):
                clash = self._empty_range(field)
            if clash:
                found.append((field, clash))
        return found

    def _never_first(self, field: str) -> str:
        hard = field.removeprefix(_WARN)
        wanted, bound = getattr(self, field), getattr(self, hard, None)
        if not _comparable(wanted, bound):
            return ""
        if field.endswith("_above"):
            return "" if wanted > bound else f"would never warn first: give more than {hard}"
        return "" if wanted < bound else f"would never warn first: give less than {hard}"

    def _empty_range(self, field: str) -> str:
        other = f"{field.removesuffix('_above')}_below"
        low, high = getattr(self, field), getattr(self, other, None)
        return f"nothing is above this and below {other}" if _comparable(low, high) and low >= high else ""

    def bounds(self, name: str) -> bool:
        """Tell whether any of the four bounds on that number is set."""
        return any(
            getattr(self, f"{prefix}{name}_{side}", None) is not None
            for prefix in ("", _WARN)
            for side in ("above", "below")
        )


def _comparable(one: object, other: object) -> bool:
    """Tell whether both are given and of one kind (a share and a size cannot be compared without the whole)."""
    if one is None or other is None:
        return False
    return getattr(one, "relative", None) == getattr(other, "relative", None)


class Findings:
    """What one look found wrong, in the order it was found."""

    __slots__ = ("_degraded", "_unhealthy")

    def __init__(self) -> None:
        """Begin with nothing wrong."""
        self._unhealthy: list[str] = []
        self._degraded: list[str] = []

    def unhealthy(self, text: str) -> None:
        """Note what does not work."""
        self._unhealthy.append(text)

    def degraded(self, text: str) -> None:
        """Note what works and not as it should."""
        self._degraded.append(text)

    def judge(
        self,
        options: CheckOptions,
        name: str,
        actual: float,
        said: str,
        *,
        show: Callable[[float], str] = show_count,
        whole: float = 0.0,
        sides: tuple[str, ...] = ("above", "below"),
    ) -> None:
        """Hold one number against its four bounds.

        Args:
            options: where the bounds are; those it does not have, or that are None, are not judged.
            name: of the number, such as ``free``.
            actual: the number.
            said: the number as a person reads it, such as ``4.1% free (2 GiB of 48 GiB)``.
            show: writes a bound.
            whole: what shares of an ``Amount`` refer to.
            sides: which of the bounds are judged here.
        """
        for side in sides:
            for prefix, note in (("", self.unhealthy), (_WARN, self.degraded)):
                bound = getattr(options, f"{prefix}{name}_{side}", None)
                if bound is None:
                    continue
                limit = bound.of(whole) if isinstance(bound, Amount) else float(bound)
                if actual > limit if side == "above" else actual < limit:
                    continue
                note(f"{said}, expected {side} {bound if isinstance(bound, Amount) else show(bound)}")
                break  # the softer bound has nothing to add

    @property
    def status(self) -> Status:
        """Return the worst of what was noted."""
        if self._unhealthy:
            return Status.UNHEALTHY
        return Status.DEGRADED if self._degraded else Status.HEALTHY

    def answer(
        self,
        look: Look,
        summary: str,
        *,
        metrics: Mapping[str, Metric] = NO_METRICS,
        metadata: Mapping[str, Json] = NOTHING,
        incarnation: str | None = None,
        cause: str = "",
    ) -> Observation:
        """Answer the look: with what is wrong, or with the summary when nothing is."""
        message = "; ".join([*self._unhealthy, *self._degraded]) or summary
        return look.observe(
            self.status,
            bounded_line(message),
            metrics=metrics,
            metadata=metadata,
            incarnation=incarnation,
            cause=cause,
        )


def bounded_line(text: str, limit: int = _LONGEST) -> str:
    """Return the first line that says something, cut to ``limit`` characters, without control characters."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    line = "".join(character if character.isprintable() else "?" for character in line.replace("\t", " "))
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
