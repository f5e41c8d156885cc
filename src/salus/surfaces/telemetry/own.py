"""The providers of an agent of its own: OTLP over HTTP, as the config and the environment say."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

from salus import __version__
from salus.config.telemetry import TelemetryShape
from salus.errors import MissingExtraError
from salus.surfaces.telemetry.providers import Providers
from salus.surfaces.telemetry.quiet import Seldom

_log = logging.getLogger(__name__)

MOST_SERIES = 100_000
"""Of one instrument; the SDK's own bound of 2000 is soon reached where a check has four of them."""

FLUSH_WITHIN = 3.0
"""Seconds for the last export when Salus stops."""


def disabled(environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether the environment switches all of it off (``OTEL_SDK_DISABLED``)."""
    return environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


class OwnProviders:
    """Providers that export what they are told by themselves, on threads of their own, until ``shut_down``."""

    def __init__(self, shape: TelemetryShape, *, environment: str, instance: str) -> None:
        """Make what the config wants, and nothing that the environment forbids.

        Args:
            shape: the section ``telemetry``.
            environment: of the agent, such as ``production``.
            instance: tells this Salus from others, and is the same after a restart.

        Raises:
            MissingExtraError: the SDK or the exporter is not installed.
            Exception: the environment tells the SDK what it cannot be told; nothing of it runs.
        """
        self._shape = shape
        self._ends: list[Callable[[], object]] = []
        self._exporters: list[Any] = []
        self._seldom: Seldom | None = None
        try:
            from opentelemetry.sdk.resources import Resource
        except ImportError as error:
            raise _missing() from error
        protocol = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "").strip()
        if protocol not in ("", "http/protobuf"):
            _log.warning(
                "OTEL_EXPORTER_OTLP_PROTOCOL=%s: Salus speaks http/protobuf only, and goes on with that", protocol
            )
        # What is said here wins over the environment, and that over what Salus knows by itself.
        known = {
            "service.name": "salus",
            "service.version": __version__,
            "service.instance.id": instance,
            "deployment.environment.name": environment,
        }
        said = {**shape.resource, **({"service.name": shape.service_name} if shape.service_name else {})}
        found = dict(Resource.create().attributes)
        if str(found.get("service.name", "")).startswith("unknown_service"):  # nobody named it
            del found["service.name"]
        self._resource = Resource({**known, **found, **said})
        try:
            self.providers = Providers(
                tracer=self._tracer() if shape.traces and _wanted("TRACES") else None,
                meter=self._meter() if shape.metrics and _wanted("METRICS") else None,
                logger=self._logger() if shape.logs and _wanted("LOGS") else None,
            )
        except BaseException as error:
            self.shut_down()
            if isinstance(error, ImportError):
                raise _missing() from error
            raise
        self._seldom = Seldom()  # not before: what the environment says wrongly is told as it is

    def shut_down(self) -> None:
        """Export what waits, within bounds, and end the threads. It blocks: call it beside the loop."""
        ends, self._ends = self._ends, []
        # Where nobody takes the last of it, an exporter tries for as long as it may: its thread would outlive Salus.
        late = threading.Timer(FLUSH_WITHIN, self.give_up)
        late.daemon = True
        late.start()
        for end in ends:
            try:
                end()
            except Exception as error:  # noqa: BLE001 - the end of one exporter must not keep the others up
                _log.warning("an exporter of telemetry did not end well: %s", error)
        late.cancel()
        if self._seldom is not None:
            self._seldom.leave()

    def give_up(self) -> None:
        """Let the exporters try no more; what was not taken by now is lost."""
        for exporter in self._exporters:
            exporter.shutdown()

    def _exporter(self, kind: Callable[..., Any], path: str) -> Any:
        exporter = kind(**self._options(path))
        exporter.shutdown = _once(exporter.shutdown)  # whoever comes second is told nothing
        self._exporters.append(exporter)
        return exporter

    def _tracer(self) -> Any:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        provider = TracerProvider(resource=self._resource, shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(self._exporter(OTLPSpanExporter, "v1/traces")))
        self._ends.append(provider.shutdown)
        return provider

    def _meter(self) -> Any:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.sdk.metrics import MeterProvider, ObservableCounter, ObservableGauge
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

        reader = PeriodicExportingMetricReader(
            self._exporter(OTLPMetricExporter, "v1/metrics"),
            export_interval_millis=self._shape.interval * 1000 if self._shape.interval is not None else None,
            cardinality_limits={ObservableCounter: MOST_SERIES, ObservableGauge: MOST_SERIES},
        )
        provider = MeterProvider([reader], resource=self._resource, shutdown_on_exit=False)
        self._ends.append(lambda: provider.shutdown(timeout_millis=FLUSH_WITHIN * 1000))
        return provider

    def _logger(self) -> Any:
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
        from opentelemetry.sdk._logs import LoggerProvider
        from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

        provider = LoggerProvider(resource=self._resource, shutdown_on_exit=False)
        provider.add_log_record_processor(BatchLogRecordProcessor(self._exporter(OTLPLogExporter, "v1/logs")))
        self._ends.append(provider.shutdown)
        return provider

    def _options(self, path: str) -> dict[str, Any]:
        """Return what an exporter is told; what is None it takes from the environment."""
        from opentelemetry.exporter.otlp.proto.http import Compression

        shape = self._shape
        return {
            "endpoint": f"{shape.endpoint.rstrip('/')}/{path}" if shape.endpoint else None,
            "headers": {name.lower(): value.reveal() for name, value in shape.headers.items()} or None,
            "timeout": float(shape.timeout) if shape.timeout is not None else None,
            "compression": Compression(shape.compression) if shape.compression else None,
            "certificate_file": str(shape.ca_file) if shape.ca_file else None,
        }


def _once(shutdown: Callable[..., object]) -> Callable[..., None]:
    left = [shutdown]

    def end(*args: object, **kwargs: object) -> None:
        if left:
            left.pop()(*args, **kwargs)

    return end


def _wanted(signal: str) -> bool:
    """Tell whether the environment lets a signal out (``OTEL_TRACES_EXPORTER=none`` does not)."""
    return os.environ.get(f"OTEL_{signal}_EXPORTER", "otlp").strip().lower() != "none"


def _missing() -> MissingExtraError:
    return MissingExtraError("telemetry:", extra="opentelemetry")
