"""An application's own OpenTelemetry: recoveries are traces in it, and what its actions log carries their id."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from salus import HealthSystem
from salus.errors import ConflictError
from salus.logs import set_up
from tests.integration.library.waiting import until


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    stream, logger = io.StringIO(), logging.getLogger("shop")
    handler = set_up("json", logger="shop", stream=stream)
    yield stream
    logger.removeHandler(handler)
    logger.propagate = True
    logger.setLevel(logging.NOTSET)


async def test_recoveries_are_traces_of_the_application_and_its_log_lines_lead_to_them(
    tmp_path: Path, written: io.StringIO
) -> None:
    kept, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    health = HealthSystem("shop", state_dir=tmp_path / "state")
    health.telemetry(tracer=provider)
    broken = [True]

    @health.check("pool", interval="50ms")
    def pool() -> bool:
        return not broken[0]

    @health.action
    async def reconnect() -> None:
        logging.getLogger("shop.pool").info("connected again")
        broken[0] = False

    health.rule("pool", actions=["reconnect"])
    async with health:
        assert await asyncio.to_thread(until, lambda: bool(kept.get_finished_spans()))
        with pytest.raises(ConflictError, match="runs already"):
            health.telemetry(tracer=provider)
    spans = {span.name: span for span in kept.get_finished_spans()}
    assert {"recovery pool", "confirm", "action reconnect", "verify pool"} <= set(spans)
    line = json.loads(written.getvalue().splitlines()[0])
    assert line["message"] == "connected again"
    assert line["trace_id"] == f"{spans['recovery pool'].context.trace_id:032x}"
    provider.shutdown()
