"""A real receiver of OTLP over HTTP, which keeps what it got, decoded."""

from __future__ import annotations

import gzip
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_KINDS: dict[str, Any] = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
}


@dataclass(frozen=True)
class GotSpan:
    """A span as it came over the wire; ids as hexadecimal digits, times in nanoseconds."""

    name: str
    trace: str
    id: str
    parent: str
    start: int
    end: int
    attributes: dict[str, Any]
    status: int
    events: list[str]


@dataclass
class Collector:
    """Listens on a free port of the loopback; ``close`` ends it."""

    status: int = 200
    hangs: bool = False
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[tuple[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.got = threading.Condition()
        self.closing = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                message = _KINDS[self.path].FromString(body)
                with outer.got:
                    outer.headers.append({name.lower(): value for name, value in self.headers.items()})
                    outer.bodies.append((self.path, message))
                    outer.got.notify_all()
                if outer.hangs:
                    outer.closing.wait(30)
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    @property
    def spans(self) -> list[GotSpan]:
        return [
            GotSpan(
                name=span.name,
                trace=span.trace_id.hex(),
                id=span.span_id.hex(),
                parent=span.parent_span_id.hex(),
                start=span.start_time_unix_nano,
                end=span.end_time_unix_nano,
                attributes=attributes(span.attributes),
                status=span.status.code,
                events=[event.name for event in span.events],
            )
            for path, body in list(self.bodies)
            if path == "/v1/traces"
            for resource in body.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def metrics(self) -> dict[str, Any]:
        """Return the newest of each metric, by name."""
        return {
            metric.name: metric
            for path, body in list(self.bodies)
            if path == "/v1/metrics"
            for resource in body.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def examples(self, name: str) -> list[Any]:
        """Return the exemplars of a histogram; each is sent once."""
        return [
            example
            for path, body in list(self.bodies)
            if path == "/v1/metrics"
            for resource in body.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.histogram.data_points
            for example in point.exemplars
        ]

    @property
    def logs(self) -> list[Any]:
        return [
            record
            for path, body in list(self.bodies)
            if path == "/v1/logs"
            for resource in body.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    @property
    def resource(self) -> dict[str, Any]:
        """Return the attributes of the resource that the newest trace came from."""
        body = next(body for path, body in reversed(self.bodies) if path == "/v1/traces")
        return attributes(body.resource_spans[0].resource.attributes)


def attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind)


def points(metric: Any) -> dict[frozenset[tuple[str, Any]], Any]:
    """Return the data points of a metric by their attributes."""
    data = getattr(metric, metric.WhichOneof("data")).data_points
    return {frozenset(attributes(point.attributes).items()): point for point in data}
