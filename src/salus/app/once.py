"""Look at checks once, in this process, without an agent: what ``salus check`` does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from salus.app.build import Resolved, resolve
from salus.app.ledger import ledger_path
from salus.app.parts import let_go, make_services, make_units
from salus.clock import SystemClock
from salus.config import Settings, did_you_mean
from salus.engine.heartbeats import HeartbeatBox
from salus.engine.prober import Prober
from salus.engine.received import ReceivedBox
from salus.errors import NotFoundError, ServiceError, StoreError
from salus.model import CheckSpec, Observation, ServiceRecord
from salus.ports import Service, Site, Snapshot


async def look_once(settings: Settings, names: Sequence[str] | None = None) -> list[tuple[CheckSpec, Observation]]:
    """Look once at the named checks (all of them unless told otherwise), at the same time.

    Services are found as they run; none is started, stopped or signalled.

    Args:
        settings: the config.
        names: checks to look at, in the order of the answer.

    Raises:
        ConfigError: the config is wrong.
        NotFoundError: there is no check of that name.
    """
    resolved = resolve(settings)
    chosen = list(resolved.checks) if names is None else list(names)
    for name in chosen:
        if name not in resolved.checks:
            message = f"there is no check {name!r}"
            known = ", ".join(resolved.checks) or "none"
            raise NotFoundError(message, remedy=did_you_mean(name, list(resolved.checks)) or f"there are {known}")
    services: dict[str, Service] = {}
    received = ReceivedBox()
    site = _site(settings, services, received)
    services.update(make_services(resolved, site))
    snapshot = _snapshot(settings, site)
    with suppress(StoreError):  # as above: what the ledger cannot say is not known
        received.load(snapshot.memos, site.clock.now())
    await asyncio.gather(*(_find(service, snapshot.services.get(name)) for name, service in services.items()))
    units = make_units(resolved, site, snapshot)
    prober = Prober(site, lambda _unit, _seen: None, ended=lambda _unit: None)
    try:
        seen = await asyncio.gather(*(prober.fresh(units[name]) for name in chosen))
    finally:
        await prober.stop()
        await asyncio.gather(*(let_go(unit.check) for unit in units.values()), return_exceptions=True)
        await asyncio.gather(*(service.aclose() for service in services.values()), return_exceptions=True)
    return [(_spec(resolved, name), look) for name, look in zip(chosen, seen, strict=True)]


def _spec(resolved: Resolved, name: str) -> CheckSpec:
    return resolved.checks[name][0]


def _site(settings: Settings, services: dict[str, Service], received: ReceivedBox) -> Site:
    try:
        state_id = (settings.agent.state_dir / "id").read_text(encoding="ascii").strip()
    except OSError:
        state_id = "0" * 32  # nothing was ever started from this state folder
    return Site(
        clock=SystemClock(),
        state_dir=settings.agent.state_dir,
        state_id=state_id,
        services=services,
        heartbeats=HeartbeatBox(),
        tell=lambda *_args, **_facts: None,
        remember=lambda _record: None,
        nudge=lambda _service: None,
        received=received,
    )


def _snapshot(settings: Settings, site: Site) -> Snapshot:
    from salus.store.sqlite import read_snapshot

    path = ledger_path(settings.agent)
    if settings.agent.store != "sqlite" or not path.exists():
        return Snapshot()
    try:
        return read_snapshot(path, site.clock.now())
    except StoreError:
        return Snapshot()  # services are then found by their marks alone


async def _find(service: Service, record: ServiceRecord | None) -> None:
    try:
        await service.adopt(record, start=False)
    except ServiceError:
        return  # its status says what is known
