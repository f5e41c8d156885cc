"""What can be thrown away and is made anew."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from salus.components._facts import shown
from salus.components.kind import ComponentKind, Deed, Facts, Reading, Verdict, number
from salus.components.rules import CLEARABLE_CACHE


@runtime_checkable
class ClearableCache(Protocol):
    """A cache: whatever is in it can be lost without harm. A ``dict`` is one.

    Methods may be plain (they run in a thread) or coroutines (they run on the loop of the application).

    Used where they are there, each a method, a property or an attribute:

    - ``size``: how many entries it holds. Without it, ``len()`` is asked.
    - ``max_size``: how many it may hold; more is degraded.
    - ``hit_rate``: the share of recent questions that it could answer, 0 to 1, or None while it cannot say.
    - ``expected_hit_rate``: a hit rate under this is degraded.
    - ``probe()`` or ``verify()``: says whether entries are poisoned. Returns nothing or True when all are right;
      otherwise False, a text, or a collection of the keys whose entries are wrong; raising counts as wrong. It is
      asked at each look: verify a sample of a large cache.
    """

    def clear(self) -> object:
        """Forget every entry. May return how many there were."""
        ...


def judge(facts: Facts, verdict: Verdict) -> str:
    """Hold size and hit rate against what the cache itself expects."""
    size, most = facts.number("size"), facts.number("max_size")
    size = facts.number("__len__") if size is None else size
    rate, expected = facts.number("hit_rate"), facts.number("expected_hit_rate")
    if size is not None and most is not None and size > most:
        verdict.degraded(f"{shown(size)} entries, expected at most {shown(most)}", "too_large")
    if rate is not None and expected is not None and rate < expected:
        verdict.degraded(f"hit rate {rate:.1%}, expected at least {expected:.1%}", "low_hit_rate")
    said = [] if size is None else [f"{shown(size)} entries"]
    said += [] if rate is None else [f"hit rate {rate:.1%}"]
    return ", ".join(said)


KIND = ComponentKind(
    name="clearable_cache",
    protocol=ClearableCache,
    requires=("clear",),
    readings=(
        number("size"),
        number("__len__", metric="size"),
        number("max_size"),
        number("hit_rate", unit="ratio"),
        Reading("expected_hit_rate"),
    ),
    judge=judge,
    deeds={"clear_cache": Deed(done="cleared {name}", calls=("clear",))},
    rule=CLEARABLE_CACHE,
    probes=("probe", "verify"),
    broken="cache poisoned",
)
