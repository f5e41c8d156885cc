"""A page of ten thousand checks: how long one takes, from the question to its last byte."""

from __future__ import annotations

import http.client
import json
import time
from urllib.parse import urlencode

from benchmarks._common import Row, median, print_table, wait_until
from benchmarks._doors import doors
from benchmarks._doors_child import FAILING, TAGS

CHECKS = 10_000
LIMIT = 0.100
PAGE = 100
_API = "/api/v1/checks"

# name -> what is asked for, and how many checks that stands for
_PAGES: dict[str, tuple[dict[str, str], int]] = {
    "first page": ({}, CHECKS),
    "last page, by its cursor": ({"after": f"check-{CHECKS - PAGE - 1:05}"}, CHECKS),
    "largest page": ({"limit": "500"}, CHECKS),
    "only failing": ({"failing": "true"}, CHECKS // FAILING),
    "text, in every name": ({"text": "check"}, CHECKS),
    "text, in the last message of some": ({"text": "got 503"}, CHECKS // FAILING),
    "text, nowhere": ({"text": "no such thing"}, 0),
    "one tag": ({"tag": "team-7"}, CHECKS // TAGS),
    "text, tag and failing": ({"text": "one of many", "tag": "team-0", "failing": "true"}, CHECKS // (2 * FAILING)),
}

# Pages for people: name -> path. Their limit is the same. Each round asks anew, so none comes from what was kept.
_HTML: dict[str, str] = {
    "dashboard: first page": "/health-dashboard/",
    "dashboard: last page": f"/health-dashboard/?page={CHECKS}",
    "dashboard: only failing": "/health-dashboard/?failing=1",
    "dashboard: text": "/health-dashboard/?q=got+503",
    "dashboard: by tag": "/health-dashboard/?group=tag",
}


def main(quick: bool = False) -> list[Row]:
    """Ask for every page, while the checks run on."""
    rounds = 5 if quick else 25
    rows = []
    with doors(CHECKS, 30.0, "always") as running:
        door = http.client.HTTPConnection("127.0.0.1", running.ports["salus"], timeout=30)
        wait_until(lambda: _count(door, {"failing": "true"}) == CHECKS // FAILING, "the first looks", 120)
        for name, (query, count) in _PAGES.items():
            found = _count(door, query)
            if found != count:
                raise RuntimeError(f"{name}: {found} checks instead of {count}")
            rows.append(_row(name, door, f"{_API}?{urlencode(query)}", rounds))
        rows += [_row(name, door, path, rounds, apart=True) for name, path in _HTML.items()]
        door.close()
    print_table(f"Pages of {CHECKS:,} checks", rows)
    return rows


def _row(name: str, door: http.client.HTTPConnection, target: str, rounds: int, *, apart: bool = False) -> Row:
    taken = []
    size = 0
    for number in range(rounds):
        anew = f"{'&' if '?' in target else '?'}round={number}" if apart else ""
        started = time.perf_counter()
        size = len(_ask(door, target + anew))
        taken.append(time.perf_counter() - started)
    took = median(taken)
    return Row(
        name=name,
        value=took * 1000,
        unit="ms",
        target=f"under {LIMIT * 1000:g} ms",
        passed=took < LIMIT,
        note=f"slowest of {rounds} {max(taken) * 1000:.1f} ms, {size / 1024:,.0f} KiB",
    )


def _count(door: http.client.HTTPConnection, query: dict[str, str]) -> int:
    return int(json.loads(_ask(door, f"{_API}?{urlencode(query)}"))["total"])


def _ask(door: http.client.HTTPConnection, target: str) -> bytes:
    door.request("GET", target)
    answer = door.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{target}: {answer.status} {body[:200]!r}")
    return body
