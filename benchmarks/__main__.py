"""Run measurements: all modules of this package that have a ``main``, or the named ones."""

from __future__ import annotations

import argparse
import json
import pkgutil
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

import benchmarks
from benchmarks._common import Row


def names() -> list[str]:
    """Return what can be measured."""
    found = (module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    return sorted(name for name in found if not name.startswith("_"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and judge; 1 where a promise does not hold or a measurement broke."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=benchmarks.__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"one of {', '.join(names())}; all when left out")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: rough numbers, the same judgement")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there, too")
    given = parser.parse_args(arguments)
    if unknown := sorted(set(given.names) - set(names())):
        parser.error(f"there is no measurement {', '.join(unknown)}: known are {', '.join(names())}")
    results: dict[str, list[Row]] = {}
    broken: list[str] = []
    for name in given.names or names():
        measure: Callable[..., list[Row]] | None = getattr(import_module(f"benchmarks.{name}"), "main", None)
        if measure is None:
            continue
        try:
            results[name] = measure(quick=given.quick)
        except Exception as error:  # noqa: BLE001 -- the others can still be measured; this one is told and counted
            broken.append(name)
            print(f"\n{name}: could not be measured: {type(error).__name__}: {error}", file=sys.stderr)
    if given.json:
        document = {name: [row.as_dict() for row in rows] for name, rows in results.items()}
        given.json.write_text(json.dumps(document, indent=2) + "\n")
    missed = [row.name for rows in results.values() for row in rows if row.passed is False]
    if missed:
        print(f"\nmissed: {', '.join(missed)}")
    return 1 if missed or broken else 0


if __name__ == "__main__":
    sys.exit(main())
