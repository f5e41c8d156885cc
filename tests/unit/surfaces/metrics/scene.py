"""Something to scrape: a view and counts that say what a test wants them to say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from salus.engine.meter import Meter
from salus.engine.units import CheckUnit
from salus.model import Alert, AlertState, Event, EventKind, Level, Outcome, RecoveryRecord, RefusalReason
from salus.ports import View
from salus.surfaces.metrics.scrape import Parts, Scrape
from tests.exposition import Found, parse
from tests.fake_agent import NOW, RECOVERY, FakeView


@dataclass
class Scene:
    view: View = field(default_factory=FakeView)
    alerts: list[Alert] = field(default_factory=list)
    channels: Sequence[str] = ("log",)
    suppressed: Mapping[str, int] = field(default_factory=dict)
    units: dict[str, CheckUnit] = field(default_factory=dict)
    records: dict[str, RecoveryRecord] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.meter = Meter(lambda: self.units, self.records.get)

    @property
    def parts(self) -> Parts:
        return Parts(
            view=self.view,
            counts=self.meter,
            alerts=lambda: self.alerts,
            channels=lambda: self.channels,
            suppressed=lambda: self.suppressed,
        )

    def body(self, *, openmetrics: bool = True) -> bytes:
        scrape = Scrape(self.parts, openmetrics=openmetrics)
        for _ in scrape.steps():
            pass
        return scrape.body

    def scraped(self, *, openmetrics: bool = True) -> dict[str, Found]:
        return parse(self.body(openmetrics=openmetrics), openmetrics=openmetrics)


def finished(check: str, recovery: str = "", outcome: str = Outcome.RECOVERED) -> Event:
    return Event(id=1, at=NOW, kind=EventKind.RECOVERY_FINISHED, check=check, recovery=recovery, reason=outcome)


def busy() -> Scene:
    """Return a scene in which everything has happened."""
    scene = Scene(channels=["log", "pager"], suppressed={"silenced": 3}, records={RECOVERY.id: RECOVERY})
    for report in scene.view.checks():
        if report.state.last is not None:
            scene.meter.looked(report.spec.name, report.state.last)
    scene.meter(finished("web", RECOVERY.id))
    scene.meter(finished("web", "", Outcome.INTERRUPTED))
    for kind, reason in (
        (EventKind.RECOVERY_REFUSED, RefusalReason.COOLING_DOWN.value),
        (EventKind.ACTION_FINISHED, "ok"),
        (EventKind.NOTIFICATION_SENT, "pager"),
        (EventKind.NOTIFICATION_FAILED, "pager"),
        (EventKind.NOTIFICATION_DEAD, "pager"),
    ):
        scene.meter(Event(id=2, at=NOW, kind=kind, check="web", action="restart_service", reason=reason))
    scene.alerts = [
        Alert(
            id=str(place),
            fingerprint=str(place),
            labels={},
            rule="r",
            level=Level.CRITICAL,
            state=state,
            first_seen=NOW,
            last_seen=NOW,
            moment=moment,
        )
        for place, (state, moment) in enumerate(
            [
                (AlertState.FIRING, False),
                (AlertState.FIRING, False),
                (AlertState.FIRING, True),
                (AlertState.RESOLVED, False),
            ]
        )
    ]
    return scene
