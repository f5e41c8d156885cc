"""From an order to its results: the past is read once, and every config is tried on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from salus.app.build import Resolved, resolve
from salus.config import Settings, did_you_mean
from salus.errors import NotFoundError, SalusError
from salus.model import EventKind
from salus.simulate.backtest.report import notes
from salus.simulate.backtest.run import replay
from salus.simulate.backtest.score import Result, score
from salus.simulate.backtest.tracks import make_history
from salus.simulate.run import Progress
from salus.simulate.score import CALLS
from salus.store.past import PEOPLE, SERVICES, Past, PastQuery
from salus.store.sqlite import read_bounds, read_past

_KINDS = (
    EventKind.STATUS_CHANGED,
    EventKind.RECOVERY_REFUSED,
    EventKind.CLOCK_JUMPED,
    *PEOPLE,
    *SERVICES,
    *CALLS,
)
_MOST_NAMES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to try on which past.

    Attributes:
        configs: the configs.
        ledger: the file.
        since, until: which part of it; None for as far as there is anything.
        checks: these only; all of them when there are none.
        progress: hears the share that is done, a hundred times.
    """

    configs: Sequence[Settings]
    ledger: Path
    since: datetime | None = None
    until: datetime | None = None
    checks: Sequence[str] = ()
    progress: Progress | None = None


def backtest(order: Order) -> list[Result]:
    """Try every config; nothing is written to the ledger.

    Raises:
        ConfigError: a config is wrong.
        NotFoundError: no config has a check of that name.
        StoreUnreadableError: the ledger is not there or cannot be read.
        SalusError: it holds nothing that could be replayed.
    """
    resolved = [resolve(config) for config in order.configs]
    _known(order.checks, resolved)
    past = _read(order, resolved)
    if past is None:
        raise _nothing(order)
    return [_try(order, one, past, place) for place, one in enumerate(resolved)]


def _known(names: Sequence[str], resolved: Sequence[Resolved]) -> None:
    known = list(dict.fromkeys(name for one in resolved for name in one.checks))
    for name in names:
        if name not in known:
            message = f"there is no check {name!r}"
            raise NotFoundError(message, remedy=did_you_mean(name, known) or f"there are {_listed(known)}")


def _read(order: Order, resolved: Sequence[Resolved]) -> Past | None:
    if not order.ledger.exists():
        remedy = "name the one to replay with --ledger; `salus run` with this config would make it"
        raise SalusError(f"there is no ledger at {order.ledger}", remedy=remedy)
    query = PastQuery(
        since=order.since,
        until=order.until,
        checks={name for one in resolved for name in one.checks},
        services={name for one in resolved for name in one.services},
        measured={name for one in resolved for name in _measured(one)},
        kinds=_KINDS,
    )
    return read_past(order.ledger, query)


def _measured(resolved: Resolved) -> set[str]:
    """Return the checks whose metrics matter, because a condition reads them."""
    ruled = [rule for rule in resolved.rules if rule.condition]
    return {rule.rule.check for rule in ruled} | {
        name for rule in ruled if rule.condition for name in rule.condition.checks
    }


def _nothing(order: Order) -> SalusError:
    found = read_bounds(order.ledger)
    if found is None:
        message = f"the ledger {order.ledger} holds nothing yet"
        return SalusError(message, remedy="let `salus run` watch for a while; every look that matters is kept")
    first, last = (f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in found)
    return SalusError("the ledger holds nothing of that time", remedy=f"it begins at {first} and ends at {last}")


def _try(order: Order, resolved: Resolved, past: Past, place: int) -> Result:
    history = make_history(past, resolved)
    if not history.tracks:
        message = f"the ledger {order.ledger} knows none of the checks of this config"
        remedy = f"it knows {_listed(list(history.gone))}" if history.gone else "is it the ledger of another Salus?"
        raise SalusError(message, remedy=remedy)
    progress, whole = order.progress, len(order.configs)
    part = (lambda share: progress((place + share) / whole)) if progress else None
    result = score(replay(history, resolved, part), order.checks)
    conditions = any(rule.condition for rule in resolved.rules)
    told = notes(result, history, resolved.settings, conditions=conditions)
    return replace(result, notes=tuple(told))


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES])
    return f"{shown} and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else shown or "none"
