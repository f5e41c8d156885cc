"""The instruments, one for each metric of ``/metrics``.

Their names, units and attributes are such that a collector, or a Prometheus that takes OTLP, makes of them exactly the
names and labels of ``/metrics`` (https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/):
dots become underscores, the unit ``s`` the suffix ``_seconds``, a counter gets ``_total``. So dashboards and alert
rules hold for both. The names follow the semantic conventions: dotted, in one namespace, without unit and without
``total``; a unit in braces counts things and leaves no trace in the name.
"""

from __future__ import annotations

from dataclasses import dataclass

from salus.surfaces.metrics import table
from salus.surfaces.metrics.table import Family, Kind


@dataclass(frozen=True, slots=True)
class Instrument:
    """One instrument.

    Attributes:
        name: as OpenTelemetry has it.
        unit: in UCUM: ``s``, or the thing that is counted, in braces; empty where there is none.
        family: the metric of ``/metrics`` that it is.
    """

    name: str
    unit: str
    family: Family

    @property
    def prometheus(self) -> str:
        """Return the name that Prometheus makes of it."""
        name = self.name.replace(".", "_")
        name += "_seconds" if self.unit == "s" else ""
        return f"{name}_total" if self.family.kind is Kind.COUNTER else name


INSTRUMENTS = (
    Instrument("salus.build_info", "", table.BUILD),
    Instrument("salus.check.status", "", table.STATUS),
    Instrument("salus.check.runs", "{run}", table.RUNS),
    Instrument("salus.check.last_run_timestamp", "s", table.LAST_RUN),
    Instrument("salus.check.last_success_timestamp", "s", table.LAST_SUCCESS),
    Instrument("salus.check.metric", "", table.METRIC),
    Instrument("salus.check.duration", "s", table.LOOKS),
    Instrument("salus.scheduler.lateness", "s", table.LATENESS),
    Instrument("salus.recoveries", "{recovery}", table.RECOVERIES),
    Instrument("salus.recovery.refusals", "{refusal}", table.REFUSALS),
    Instrument("salus.recovery.duration", "s", table.DURATIONS),
    Instrument("salus.recovery.initiation", "s", table.INITIATIONS),
    Instrument("salus.recovery.exhausted", "", table.EXHAUSTED),
    Instrument("salus.actions", "{action}", table.ACTIONS),
    Instrument("salus.alerts", "{alert}", table.ALERTS),
    Instrument("salus.notifications", "{try}", table.NOTIFICATIONS),
    Instrument("salus.alerts.suppressed", "{alert}", table.SUPPRESSED),
)
