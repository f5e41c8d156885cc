"""Where telemetry goes: providers of OpenTelemetry, our own or those that an application has already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry._logs import LoggerProvider
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider


@dataclass(frozen=True, slots=True, kw_only=True)
class Providers:
    """The providers to write to; what is None gets nothing.

    Attributes:
        tracer: gets one trace per recovery.
        meter: gets the instruments.
        logger: gets what is logged.
    """

    tracer: TracerProvider | None = None
    meter: MeterProvider | None = None
    logger: LoggerProvider | None = None
