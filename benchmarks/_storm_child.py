"""One measured process of the storm bench: ``python -m benchmarks._storm_child with|without CHECKS``.

At one instant all checks turn bad and are looked at, so that as many alerts arise within a second; meanwhile patients
fall ill one after the other and are healed. Prints one JSON object: how long each healing took to begin (s), how many
notifications were made, how many alerts were raised and within how many seconds, bytes that the storm cost.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from benchmarks._engine_child import build, resident
from salus.alerts.compose import Sender
from salus.channels.file import File
from salus.engine.alerter import Alerter
from salus.engine.courier import Courier
from salus.engine.engine import Engine
from salus.engine.healer import targets_of
from salus.engine.recorder import Recorder
from salus.engine.units import CheckUnit, RuleUnit
from salus.model import (
    ActionSpec,
    AlertRule,
    AlertSettings,
    ChannelSpec,
    CheckSpec,
    CheckState,
    Effect,
    Event,
    EventKind,
    Limits,
    Observation,
    RecoveryRule,
    RouteSpec,
    RuleState,
    Selector,
    Status,
)
from salus.ports import ActionResult, Look, Outlet, Scene
from salus.store.sqlite import SqliteStore

PATIENTS, EVERY, RATE = 150, 0.1, 20


class Weather:
    """What all checks look at."""

    bad = False


class Flip:
    """A check that answers at once what the weather is."""

    instant = True

    async def look(self, look: Look) -> Observation:
        """Look once."""
        return look.unhealthy("the weather is bad") if Weather.bad else look.healthy("fine")

    async def aclose(self) -> None:
        """Nothing is kept."""


class Patient:
    """A check, and the action that heals it."""

    effect = Effect.CHANGES

    def __init__(self) -> None:
        """Be well."""
        self.ill = False

    async def look(self, look: Look) -> Observation:
        """Look once."""
        return look.unhealthy("ill") if self.ill else look.healthy("well")

    def targets(self, own: str | None) -> frozenset[str]:
        """Touch no service."""
        return frozenset()

    async def run(self, scene: Scene) -> ActionResult:
        """Heal it."""
        self.ill = False
        return ActionResult(message="healed")

    async def aclose(self) -> None:
        """Nothing is kept."""


def units(count: int) -> tuple[dict[str, CheckUnit], list[tuple[CheckUnit, Patient]]]:
    """Make all checks; return the patients apart too."""
    flip = Flip()
    found = {
        f"check-{place}": CheckUnit(
            spec=CheckSpec(name=f"check-{place}", kind="flip", interval=1.0, timeout=5.0),
            check=flip,
            state=CheckState(),
        )
        for place in range(count)
    }
    patients = []
    for place in range(PATIENTS):
        patient = Patient()
        spec = CheckSpec(name=f"patient-{place}", kind=f"patient-{place}", interval=30.0, timeout=5.0)
        action = ActionSpec(kind="heal")
        rule = RecoveryRule(name=spec.name, check=spec.name, ladders=((action,),))
        unit = CheckUnit(spec=spec, check=patient, state=CheckState())
        ladder = ((action, patient),)
        unit.rules = (RuleUnit(rule, (ladder,), (), targets_of(spec, ()), RuleState(rule=rule.name)),)
        found[spec.name] = unit
        patients.append((unit, patient))
    return found, patients


async def alerts(engine: Engine, recorder: Recorder, store: SqliteStore, folder: Path) -> Alerter:
    """Put alerting beside the engine, as the agent does: one alert a check, each by itself, into a file."""
    clock = engine.site.clock
    courier = Courier(store, recorder, clock, engine.bus.tell, "bench")
    spec = ChannelSpec(name="file", kind="file", rate_limit=RATE)
    options = File(path=folder / "notifications.jsonl")
    channel = options.build(Outlet(clock=clock, state_dir=folder, state_id="0" * 32))
    await courier.configure({"file": (spec, channel)})
    alerter = Alerter(engine, recorder, courier)
    rule = AlertRule(name="down", members=Selector(everything=True), status=Status.UNHEALTHY)
    routes = (RouteSpec(channels=("file",), group_by=("...",), group_wait=1.0),)
    settings = AlertSettings(rules=(rule,), routes=routes, channels={"file": spec})
    alerter.configure(settings, {}, {"file": channel.resend}, Sender())
    engine.bus.subscribe(alerter)
    alerter.start()
    await courier.start()
    return alerter


async def storm(mode: str, count: int) -> None:
    """Let the storm come."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = SqliteStore(folder / "ledger.sqlite")
        await store.open()
        engine, recorder = build(store, folder)
        engine.limits = Limits(storm_brake=1.0, recoveries_at_once=100, recoveries_per_hour=100_000)
        loop = asyncio.get_running_loop()
        writing = loop.create_task(recorder.run())
        found, patients = units(count)
        engine.replace_units(found)
        began: list[float] = []
        raised: list[Event] = []
        engine.bus.subscribe(lambda event: note(engine, event, began, raised))
        if mode == "with":
            await alerts(engine, recorder, store, folder)
        engine.start()
        await asyncio.sleep(4)
        engine.respread(2.0)  # a first look at all of them
        await asyncio.sleep(4)
        gc.collect()
        before = resident()
        Weather.bad = True
        engine.respread(1.0)
        until = time.monotonic()
        for unit, patient in patients:
            until += EVERY
            await asyncio.sleep(max(0.0, until - time.monotonic()))
            patient.ill = True
            engine.nudge(unit)
        await asyncio.sleep(12)
        gc.collect()
        cost = resident() - before
        await engine.stop(1.0)
        await recorder.stop()
        writing.cancel()
        made = len(await store.deliveries(limit=100_000))
        await store.close()
        seconds = (raised[-1].at - raised[0].at).total_seconds() if raised else 0.0
        found_out = {"raised": len(raised), "seconds": seconds, "notifications": made}
        print(json.dumps({"began": began, "bytes": cost, **found_out}))


def note(engine: Engine, event: Event, began: list[float], raised: list[Event]) -> None:
    """Note how long a healing took to begin, and every alert."""
    if event.kind is EventKind.RECOVERY_FINISHED and (run := engine.healer.running.get(event.recovery or "")):
        began.append(run.record.initiation or 0.0)
    if event.kind is EventKind.ALERT_FIRING:
        raised.append(event)


if __name__ == "__main__":
    uvloop.run(storm(sys.argv[1], int(sys.argv[2])))
