"""Spans of Salus -> spans of OpenTelemetry, with ids that follow from the recovery's own."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    TracerProvider,
    set_span_in_context,
)

from salus import __version__, traces
from salus.logs import redact
from salus.surfaces.telemetry.story import Attributes, Span

SCOPE = "salus"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ONE_AT_A_TIME = threading.Lock()
_STATUS = {True: StatusCode.OK, False: StatusCode.ERROR}


class Tracing:
    """Hands the trace of a recovery to a tracer provider, as a whole, once it has ended."""

    def __init__(self, provider: TracerProvider) -> None:
        """Write to a provider: our own, or the application's."""
        self._provider = provider

    def write(self, recovery: str, root: Span) -> None:
        """Write one trace; its spans wait in the provider's queue until they are exported."""
        tracer: Any = self._provider.get_tracer(SCOPE, __version__)
        context = Context()  # whatever is traced around us has no part in it
        with _ONE_AT_A_TIME:  # a provider keeps one tracer for everybody who has the same scope
            if hasattr(tracer, "id_generator"):
                tracer.id_generator = _Ids(recovery)
            else:  # no SDK that we know: the ids are right, and the root hangs below a span that nobody sees
                context = set_span_in_context(NonRecordingSpan(span_context(recovery)), context)
            self._write(tracer, root, context)

    def _write(self, tracer: Any, told: Span, context: Context) -> None:
        span = tracer.start_span(
            told.name, context=context, start_time=nanoseconds(told.start), attributes=_clean(told.attributes)
        )
        below = set_span_in_context(span, context)
        for child in told.children:
            self._write(tracer, child, below)
        for moment in told.moments:
            span.add_event(moment.name, _clean(moment.attributes), timestamp=nanoseconds(moment.at))
        if told.ok is not None:
            span.set_status(Status(_STATUS[told.ok], None if told.ok else redact(told.message)))
        span.end(end_time=nanoseconds(told.end))


class _Ids:
    """Counts the spans of one recovery; has the shape of the SDK's ``IdGenerator``."""

    def __init__(self, recovery: str) -> None:
        self._recovery = recovery
        self._place = 0

    def generate_span_id(self) -> int:
        place, self._place = self._place, self._place + 1
        return int(traces.span_id(self._recovery, place), 16)

    def generate_trace_id(self) -> int:
        return int(traces.trace_id(self._recovery), 16)

    def is_trace_id_random(self) -> bool:
        return False


def span_context(recovery: str) -> SpanContext:
    """Return the context of a recovery's root span, for what wants to point at it: a log record, an exemplar."""
    return SpanContext(
        trace_id=int(traces.trace_id(recovery), 16),
        span_id=int(traces.span_id(recovery), 16),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )


def nanoseconds(at: datetime) -> int:
    """Return an instant as OpenTelemetry counts it, exactly."""
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000


def _clean(attributes: Attributes) -> dict[str, Any]:
    return {name: redact(value) if isinstance(value, str) else value for name, value in attributes.items()}
