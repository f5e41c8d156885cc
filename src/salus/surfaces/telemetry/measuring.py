"""The instruments at a meter: observed when somebody collects, read on Salus' own loop, exported on other threads."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Histogram, Meter, MeterProvider, Observation
from opentelemetry.trace import NonRecordingSpan, set_span_in_context

from salus import __version__
from salus.engine.meter import DURATIONS, INITIATIONS, Timer
from salus.model import RecoveryRecord
from salus.ports import Clock
from salus.surfaces.metrics import table
from salus.surfaces.metrics.scrape import Parts
from salus.surfaces.metrics.table import Family, Kind
from salus.surfaces.telemetry.instruments import INSTRUMENTS, Instrument
from salus.surfaces.telemetry.readings import Points, Reading
from salus.surfaces.telemetry.tracing import SCOPE, span_context

_log = logging.getLogger(__name__)

SLICE = 0.0005
"""Seconds of Salus' loop that reading takes at most before others have a turn."""

PATIENCE = 5.0
"""Seconds that a collection waits for Salus' loop; after that it shows nothing this time."""

MOST_TIMES = 65_536
"""Looks whose times are kept between two collections."""


class Measuring:
    """All instruments of one Salus at one provider."""

    def __init__(self, provider: MeterProvider, parts: Parts, timers: tuple[Timer, Timer], clock: Clock) -> None:
        """Begin to measure; call this on Salus' own loop.

        Args:
            provider: our own, or the application's.
            parts: what is read.
            timers: how long looks took, and how late they began.
            clock: time.
        """
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self._parts: Parts | None = parts
        self._clock = clock
        self._lock = threading.Lock()
        self._points: Points = {}
        self._shown: set[Family] = {*table.FAMILIES}
        self._timers = timers
        self._times: list[tuple[Histogram, deque[float]]] = []
        meter = provider.get_meter(SCOPE, __version__)
        self._histograms = {
            one.family: meter.create_histogram(
                one.name,
                unit=one.unit,
                description=one.family.about,
                explicit_bucket_boundaries_advisory=_bounds(one.family, timers),
            )
            for one in INSTRUMENTS
            if one.family.kind is Kind.HISTOGRAM
        }
        for family, timer in zip((table.LOOKS, table.LATENESS), timers, strict=True):
            kept: deque[float] = deque(maxlen=MOST_TIMES)
            timer.tap = kept.append
            self._times.append((self._histograms[family], kept))
        for one in INSTRUMENTS:
            if one.family.kind is not Kind.HISTOGRAM:
                _observe(meter, one, self._callback(one.family))

    def ended(self, record: RecoveryRecord) -> None:
        """Count how long a recovery took; its trace is the example of its bucket."""
        context = set_span_in_context(NonRecordingSpan(span_context(record.id)), Context())
        for family, seconds in ((table.DURATIONS, record.duration), (table.INITIATIONS, record.initiation)):
            if seconds is not None:
                self._histograms[family].record(max(0.0, seconds), {}, context=context)

    def stop(self) -> None:
        """Show nothing any more: instruments cannot be taken back from a provider that goes on."""
        self._parts = None
        for timer in self._timers:
            timer.tap = None

    # ── on the threads of the SDK ──

    def _callback(self, family: Family) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def observed(options: CallbackOptions) -> Iterable[Observation]:
            return [Observation(value, labels) for value, labels in self._read(family, options.timeout_millis / 1000)]

        return observed

    def _read(self, family: Family, within: float) -> Sequence[tuple[float, Any]]:
        """Return the points of one family. Those of one collection are of one moment: none is shown twice."""
        with self._lock:
            if family in self._shown:
                self._drain()
                self._points = self._fresh(min(within, PATIENCE))
                self._shown = set()
            self._shown.add(family)
            return self._points.get(family, ())

    def _fresh(self, within: float) -> Points:
        parts = self._parts
        if parts is None or self._loop.is_closed():
            return {}
        if threading.get_ident() == self._thread:  # an application collects on the loop that Salus is on, too
            here = Reading(parts)
            for _ in here.steps():
                continue
            return here.points
        reading = self._reading(parts)
        try:
            future = asyncio.run_coroutine_threadsafe(reading, self._loop)
        except RuntimeError:  # closed in this very moment
            reading.close()
            return {}
        try:
            return future.result(within)
        except TimeoutError:
            future.cancel()
            _log.debug("the loop did not turn within %g s: nothing is shown this time", within)
            return {}

    def _drain(self) -> None:
        for histogram, kept in self._times:
            for _ in range(len(kept)):
                histogram.record(max(0.0, kept.popleft()))

    # ── on Salus' own loop ──

    def _reading(self, parts: Parts) -> Coroutine[Any, Any, Points]:
        async def read() -> Points:
            reading = Reading(parts)
            began = self._clock.monotonic()
            for _ in reading.steps():
                if self._clock.monotonic() - began >= SLICE:
                    await self._clock.sleep(0)
                    began = self._clock.monotonic()
            return reading.points

        return read()


def _observe(meter: Meter, one: Instrument, callback: Callable[[CallbackOptions], Iterable[Observation]]) -> None:
    create = meter.create_observable_counter if one.family.kind is Kind.COUNTER else meter.create_observable_gauge
    create(one.name, callbacks=[callback], unit=one.unit, description=one.family.about)


def _bounds(family: Family, timers: tuple[Timer, Timer]) -> Sequence[float]:
    looks, lateness = timers
    bounds = {table.LOOKS: looks.bounds, table.LATENESS: lateness.bounds}
    return bounds.get(family) or (DURATIONS if family is table.DURATIONS else INITIATIONS)
