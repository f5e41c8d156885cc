"""Make the cache of the shop anew from its catalogue: what Salus runs when the cache is broken."""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path


def rebuild(catalogue: Path, cache: Path) -> int:
    """Write the cache whole or not at all; returns how many items are in it."""
    with catalogue.open(encoding="utf-8", newline="") as file:
        items = {row["item"]: float(row["price"]) for row in csv.DictReader(file)}
    fresh = cache.with_suffix(".new")
    fresh.write_text(json.dumps({"items": items}, indent=1) + "\n", encoding="utf-8")
    fresh.replace(cache)
    return len(items)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("catalogue", type=Path)
    parser.add_argument("cache", type=Path)
    options = parser.parse_args()
    print(f"{rebuild(options.catalogue, options.cache)} items")  # noqa: T201 - its one line of output
