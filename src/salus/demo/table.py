"""The plain output: one line a fault, stable enough for a script, and the same as JSON."""

from __future__ import annotations

from collections.abc import Sequence

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


def cells(result: Result) -> tuple[str, ...]:
    """Return the row of one fault, cell by cell."""
    return (
        result.fault.title,
        result.seen_by or "-",
        _time(result.detected),
        _time(result.healed),
        actions(result.actions) or "-",
        str(result.attempts),
        result.verdict,
    )


def actions(names: Sequence[str]) -> str:
    """Write what was done: each action once, with how often where that is more than once."""
    counts = {name: names.count(name) for name in names}
    return ", ".join(name if count == 1 else f"{name} x{count}" for name, count in counts.items())


def head() -> str:
    """Return the first lines of the table."""
    return f"{_line(tuple(name for name, _ in _COLUMNS))}\n{_line(tuple('-' * width for _, width in _COLUMNS))}"


def row(result: Result) -> str:
    """Return one line of the table, and below it what is wrong."""
    return "\n".join([_line(cells(result)), *(f"  ! {problem}" for problem in result.problems)])


def verdict(results: Sequence[Result], faults: int, troubles: Sequence[str], seconds: float) -> str:
    """Return the last line: whether all of it went well."""
    healed = sum(result.ok for result in results)
    took = f"{seconds:.0f} s"
    if all_well(results, faults, troubles):
        what = "the fault" if faults == 1 else f"all {faults} faults"
        return f"Passed: {what} healed and verified, nothing healthy was touched, nothing left behind ({took})."
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
        text.rjust(width) if name.endswith("after") or name == "attempts" else text.ljust(width)
        for (name, width), text in zip(_COLUMNS, texts, strict=True)
    )
    return "  ".join(aligned).rstrip()


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else format_duration(seconds)
