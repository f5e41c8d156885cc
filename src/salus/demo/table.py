"""The plain output: one line a fault, stable enough for a script, and the same as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from salus.demo.tour import Result
from salus.model import Json
from salus.units import format_duration

_COLUMNS = (
    ("fault", 27),
    ("seen by", 13),
    ("detected after", 14),
    ("healed after", 12),
    ("actions", 21),
    ("attempts", 8),
    ("outcome", 19),
)


_BRIEF = ("fault", "detected after", "healed after", "outcome")

Justify: TypeAlias = Literal["left", "right"]


def columns(*, brief: bool = False) -> list[tuple[str, Justify]]:
    """Return the name of every column, and the side on which it stands; only the most important ones if ``brief``."""
    return [(name, _side(name)) for name, _ in _COLUMNS if not brief or name in _BRIEF]


def cells(result: Result, *, brief: bool = False) -> tuple[str, ...]:
    """Return the row of one fault, cell by cell."""
    texts = (
        result.fault.title,
        result.seen_by or "-",
        _time(result.detected),
        _time(result.healed),
        actions(result.actions) or "-",
        str(result.attempts),
        result.verdict,
    )
    return tuple(text for (name, _), text in zip(_COLUMNS, texts, strict=True) if not brief or name in _BRIEF)


def actions(names: Sequence[str]) -> str:
    """Write what was done: each action once, with how often where that is more than once."""
    counts = {name: names.count(name) for name in names}
    return ", ".join(name if count == 1 else f"{name} x{count}" for name, count in counts.items())


def head() -> str:
    """Return the first lines of the table."""
    return f"{_line(tuple(name for name, _ in _COLUMNS))}\n{_line(tuple('-' * width for _, width in _COLUMNS))}"


def row(result: Result) -> str:
    """Return one line of the table, and below it what is wrong, or what was rightly left alone."""
    lines = [_line(cells(result)), *(f"  ! {problem}" for problem in result.problems)]
    if result.ok and result.fault.held:
        lines.append(f"  {' and '.join(sorted(result.held))} failed along with it, and were rightly left alone")
    return "\n".join(lines)


def verdict(results: Sequence[Result], faults: int, troubles: Sequence[str], seconds: float) -> str:
    """Return the last line: whether all of it went well."""
    healed = sum(result.ok for result in results)
    took = f"{seconds:.0f} s"
    if all_well(results, faults, troubles):
        what = f"{healed} of {faults} faults healed and verified"
        return f"Passed: {what}, nothing healthy was touched, nothing left behind ({took})."
    skipped = f", {faults - len(results)} not tried" if len(results) < faults else ""
    wrong = "".join(f" {trouble}." for trouble in troubles)
    return f"FAILED: {healed} of {faults} faults healed and verified{skipped} ({took}).{wrong}"


def all_well(results: Sequence[Result], faults: int, troubles: Sequence[str]) -> bool:
    """Tell whether every fault was healed and verified, and nothing else went wrong."""
    return len(results) >= faults and all(result.ok for result in results) and not troubles


def as_json(results: Sequence[Result], faults: int, troubles: Sequence[str], seconds: float) -> dict[str, Json]:
    """Return the same for a program."""
    return {
        "passed": all_well(results, faults, troubles),
        "seconds": round(seconds, 3),
        "troubles": list(troubles),
        "faults": [
            {
                "name": result.fault.key,
                "title": result.fault.title,
                "seen_by": result.seen_by or None,
                "detected_after": result.detected,
                "healed_after": result.healed,
                "actions": list(result.actions),
                "attempts": result.attempts,
                "outcome": result.outcome,
                "held": list(result.held),
                "verified": result.ok,
                "problems": list(result.problems),
            }
            for result in results
        ],
    }


def _line(texts: Sequence[str]) -> str:
    aligned = (
        text.rjust(width) if _side(name) == "right" else text.ljust(width)
        for (name, width), text in zip(_COLUMNS, texts, strict=True)
    )
    return "  ".join(aligned).rstrip()


def _side(name: str) -> Justify:
    return "right" if name.endswith("after") or name == "attempts" else "left"


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else format_duration(seconds)
