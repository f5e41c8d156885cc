"""Where telemetry goes: providers of OpenTelemetry, our own or those that an application has already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from salus.errors import MissingExtraError

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


def given(
    tracer: TracerProvider | None, meter: MeterProvider | None, logger: LoggerProvider | None = None
) -> Providers:
    """Return these or, where none is given, the tracer's and the meter's global ones.

    Raises:
        MissingExtraError: OpenTelemetry is not installed.
    """
    if tracer is None and meter is None and logger is None:
        try:
            from opentelemetry import metrics, trace
        except ImportError as error:
            raise MissingExtraError("telemetry()", extra="opentelemetry") from error
        tracer, meter = trace.get_tracer_provider(), metrics.get_meter_provider()
    return Providers(tracer=tracer, meter=meter, logger=logger)
