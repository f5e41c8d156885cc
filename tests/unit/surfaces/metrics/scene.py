"""Something to scrape: a view and counts that say what a test wants them to say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from salus.engine.meter import Meter
from salus.engine.units import CheckUnit
from salus.model import Alert, RecoveryRecord
from salus.ports import View
from salus.surfaces.metrics.scrape import Parts, Scrape
from tests.exposition import Found, parse
from tests.fake_agent import FakeView


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
