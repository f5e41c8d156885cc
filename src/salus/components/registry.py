"""What is read from somewhere, kept, and can be read again."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol, runtime_checkable

from salus.components._facts import listed, shown
from salus.components.kind import ComponentKind, Deed, Facts, Reading, Verdict, moment, number
from salus.components.rules import REFRESHABLE_REGISTRY
from salus.units import format_duration


@runtime_checkable
class RefreshableRegistry(Protocol):
    """A list of what there is, made from a source that changes: templates, plugins, routes, feature flags.

    Methods may be plain (they run in a thread) or coroutines (they run on the loop of the application).

    Used where they are there, each a method, a property or an attribute:

    - ``expected``: how many entries the source would give, or their names. Fewer is unhealthy, more is degraded.
      Without it, an empty registry is unhealthy.
    - ``names``: the names of the entries; with names in ``expected`` too, those that are missing or left over are told.
    - ``last_refreshed``: when it was last read: an aware ``datetime``, or seconds since 1970; None while it never was.
    - ``max_age``: seconds after which it should have been read again; older is degraded.
    - ``probe()``: as for every component; raising, False or a text is unhealthy.
    """

    def count(self) -> int | Awaitable[int]:
        """Return how many entries it has now."""
        ...

    def refresh(self) -> object:
        """Read everything anew, and return when that is done. May return how many entries there are."""
        ...


def judge(facts: Facts, verdict: Verdict) -> str:
    """Hold what is registered against what its source would give, and its age against the longest."""
    count, expected = facts.needed("count"), facts.count("expected")
    names, wanted = facts.names("names"), facts.names("expected")
    age, oldest = facts.age("last_refreshed"), facts.number("max_age")
    if names is not None and wanted is not None:
        _compare(names, wanted, verdict)
    elif expected is None and count == 0:
        verdict.unhealthy("it is empty, expected at least 1 entry", "empty")
    elif expected is not None and count < expected:
        verdict.unhealthy(f"{shown(count)} entries, expected {shown(expected)}", "incomplete")
    elif expected is not None and count > expected:
        verdict.degraded(f"{shown(count)} entries, expected {shown(expected)}", "stale")
    if age is not None and oldest is not None and age > oldest:
        said = f"refreshed {format_duration(age)} ago, expected within {format_duration(oldest)}"
        verdict.degraded(said, "stale")
    return f"{shown(count)} entries" + ("" if age is None else f", refreshed {format_duration(age)} ago")


def _compare(names: frozenset[str], wanted: frozenset[str], verdict: Verdict) -> None:
    if missing := wanted - names:
        verdict.unhealthy(f"{len(wanted & names)} of {len(wanted)} entries, missing {listed(missing)}", "incomplete")
    if left_over := names - wanted:
        verdict.degraded(f"{len(left_over)} entries that should be gone: {listed(left_over)}", "stale")


KIND = ComponentKind(
    name="refreshable_registry",
    protocol=RefreshableRegistry,
    requires=("count", "refresh"),
    readings=(
        number("count"),
        number("expected"),
        Reading("names"),
        moment("last_refreshed"),
        Reading("max_age"),
    ),
    judge=judge,
    deeds={"refresh_component_registry": Deed(done="refreshed {name}", calls=("refresh",))},
    rule=REFRESHABLE_REGISTRY,
)
