"""Those outside who are told how Salus is: the service manager, dead-man's switches, an OpenTelemetry collector."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from salus.app.alerting import Alerting
from salus.app.notify import Notifier
from salus.app.vitals import Vitals
from salus.config import Settings
from salus.engine.engine import Engine
from salus.engine.view import EngineView
from salus.errors import MissingExtraError
from salus.model import Event, EventKind, RecoveryRecord, Status
from salus.ports import Store
from salus.threads import Threads

if TYPE_CHECKING:  # loaded where they are used
    from salus.surfaces.metrics.scrape import Parts
    from salus.surfaces.pings import Pings
    from salus.surfaces.telemetry.providers import Providers
    from salus.surfaces.telemetry.telemetry import Telemetry

_log = logging.getLogger("salus.outside")

STATUS_AFTER = 0.5
"""Seconds from something that happens to the line about the whole that the service manager gets."""

_MOVES_THE_WHOLE = frozenset(
    {
        EventKind.STATUS_CHANGED,
        EventKind.CHECK_PAUSED,
        EventKind.CHECK_RESUMED,
        EventKind.RECOVERY_STARTED,
        EventKind.RECOVERY_FINISHED,
        EventKind.HEALING_OFF,
        EventKind.HEALING_ON,
    }
)


class Outside:
    """Begins when the doors are open, follows the config, and ends after the last recovery."""

    def __init__(
        self,
        *,
        engine: Engine,
        view: EngineView,
        alerting: Alerting,
        store: Store,
        vitals: Vitals,
        notifier: Notifier,
        providers: Providers | None = None,
    ) -> None:
        """Tell nobody yet.

        Args:
            engine: what is watched from outside.
            view: the same, as surfaces see it.
            alerting: its alerts.
            store: its ledger.
            vitals: whether it does its work.
            notifier: speaks to the service manager.
            providers: an application's own providers of telemetry; they win over the config's.
        """
        self._engine = engine
        self._view = view
        self._alerting = alerting
        self._store = store
        self._vitals = vitals
        self._notifier = notifier
        self._providers = providers
        self._telemetry: Telemetry | None = None
        self._pings: Pings | None = None
        self._settings: Settings | None = None
        self._to_say: asyncio.TimerHandle | None = None
        if notifier.listens:
            engine.bus.subscribe(self._happened)

    async def configure(self, settings: Settings) -> None:
        """Take a config; what did not change goes on undisturbed."""
        before, self._settings = self._settings, settings
        if before is None or self._telemetry_of(before) != self._telemetry_of(settings):
            await self._change_telemetry(settings)
        if settings.pings and self._pings is None:
            from salus.surfaces.pings import Pings

            self._pings = Pings(self._vitals.unwell, self._whole, self._engine.site.clock)
        if self._pings is not None:
            self._pings.configure(settings.pings)

    async def interrupted(self, records: Sequence[RecoveryRecord]) -> None:
        """Tell of recoveries in which an earlier Salus was killed."""
        if self._telemetry is not None:
            for record in records:
                await self._telemetry.interrupted(record)

    def ready(self) -> None:
        """Tell the service manager that Salus is up, or has taken a new config."""
        self._notifier.ready(self._view.overall().message)

    @contextmanager
    def while_reloading(self) -> Iterator[None]:
        """Let the service manager know while the config is read: it waits for the end, however that is."""
        self._notifier.reloading(self._engine.site.clock.monotonic())
        try:
            yield
        finally:
            self.ready()

    async def stop(self) -> None:
        """Tell the last, within bounds."""
        if self._to_say is not None:
            self._to_say.cancel()
        if self._pings is not None:
            await self._pings.stop()
        if self._telemetry is not None:
            telemetry, self._telemetry = self._telemetry, None
            await telemetry.stop()

    def _happened(self, event: Event) -> None:
        """Tell the service manager how everything is, once for all that happens within a moment: checks are many."""
        if event.kind in _MOVES_THE_WHOLE and self._to_say is None:
            self._to_say = asyncio.get_running_loop().call_later(STATUS_AFTER, self._say_status)

    def _say_status(self) -> None:
        self._to_say = None
        self._notifier.status(self._view.overall().message)

    def _whole(self) -> tuple[bool, str]:
        overall = self._view.overall()
        return overall.status is Status.UNHEALTHY, overall.message

    # ── telemetry ──

    @staticmethod
    def _telemetry_of(settings: Settings) -> Mapping[str, object]:
        return {
            "telemetry": settings.telemetry,
            "environment": settings.agent.environment if settings.telemetry else "",
        }

    async def _change_telemetry(self, settings: Settings) -> None:
        if self._telemetry is not None:
            telemetry, self._telemetry = self._telemetry, None
            await telemetry.stop()
        if self._providers is None and settings.telemetry is None:
            return
        # Its modules take a fifth of a second to load: beside the loop, for something may be bad at this moment.
        try:
            self._telemetry = await self._made(settings)
        except MissingExtraError as error:
            _log.error("%s (%s); nothing is exported", error, error.remedy)
        except Exception as error:  # noqa: BLE001 - whatever the environment has for the SDK: nobody is healed less
            _log.error("telemetry cannot begin: %s: %s; nothing is exported", type(error).__name__, error)

    async def _made(self, settings: Settings) -> Telemetry | None:
        providers, own = self._providers, None
        if providers is None and settings.telemetry is not None:
            shape, agent, site = settings.telemetry, settings.agent, self._engine.site

            def make() -> OwnProviders | None:
                if disabled():
                    return None
                return OwnProviders(shape, environment=agent.environment, instance=site.state_id)

            from salus.surfaces.telemetry.own import OwnProviders, disabled

            own = await Threads(1, "salus-telemetry").run(make)
            if own is None:
                _log.info("OTEL_SDK_DISABLED is set: nothing is exported")
                return None
            providers = own.providers
        if providers is None:
            return None
        from salus.surfaces.telemetry.telemetry import Telemetry, Watched

        engine = self._engine
        watched = Watched(
            parts=self._parts(),
            timers=(engine.meter.looks, engine.meter.lateness),
            record=engine.healer.record,
            subscribe=engine.bus.subscribe,
            store=self._store,
            clock=engine.site.clock,
        )
        return Telemetry(providers, watched, own)

    def _parts(self) -> Parts:
        from salus.surfaces.metrics.scrape import Parts

        alerter, courier = self._alerting.alerter, self._alerting.courier
        return Parts(
            view=self._view,
            counts=self._engine.meter,
            alerts=alerter.desk.alerts.values,
            channels=lambda: [report.spec.name for report in courier.report()],
            suppressed=lambda: alerter.desk.suppressed,
        )
