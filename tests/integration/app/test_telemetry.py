"""An agent with a real OTLP receiver: the trace of a recovery, the numbers of ``/metrics``, the log."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from salus import traces
from salus.app.agent import Agent
from salus.app.build import resolve
from salus.config import load, loads
from salus.config.telemetry import TelemetryShape
from salus.engine.meter import DURATIONS
from salus.errors import ConfigError
from salus.logs import log_event
from salus.model import EventKind, Outcome, RecoveryRecord, RuleState
from salus.ports import RecoveryQuery
from salus.surfaces.telemetry.own import OwnProviders
from salus.surfaces.telemetry.providers import Providers
from salus.surfaces.telemetry.quiet import NAMES
from tests.acceptance.salus_process import SalusProcess, eventually
from tests.exposition import parse
from tests.otlp import Collector, GotSpan, points
from tests.stage import until

TOKEN = "a-token-that-nobody-guesses-7c1d"
CONFIG = """\
salus: {{listen: "127.0.0.1:0", state_dir: ./state, metrics: public, environment: testing}}
{telemetry}
checks:
  flag: {{file: {{path: ./flag, exists: true}}, interval: 0.2s, timeout: 5s}}
rules:
  flag:
    actions: [log, {{run: ["/bin/sh", "-c", "exit 3"]}}, {{run: ["/usr/bin/touch", "{folder}/flag"]}}]
    verify_timeout: 10s
"""
TELEMETRY = """\
telemetry:
  endpoint: {url}
  headers: {{authorization: Bearer {token}}}
  resource: {{team: shop}}
  interval: 0.3s
  compression: gzip
  logs: true
"""


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    monkeypatch.setenv("OTEL_BLRP_SCHEDULE_DELAY", "50")


@asynccontextmanager
async def agent_of(folder: Path, telemetry: str, **more: Any) -> AsyncIterator[Agent]:
    file = folder / "salus.yaml"
    file.write_text(CONFIG.format(telemetry=telemetry, folder=folder))
    file.chmod(0o600)
    agent = Agent(load(file), config_path=file, **more)
    await agent.start()
    try:
        yield agent
    finally:
        await agent.stop()


async def healed(agent: Agent) -> RecoveryRecord:
    """Wait until the flag was put back; return the recovery as the ledger has it."""
    found: list[str] = []
    undo = agent.engine.bus.subscribe(
        lambda event: found.append(event.recovery or "") if event.kind is EventKind.RECOVERY_FINISHED else None
    )
    await until(lambda: found)
    undo()
    await agent._recorder.commit()
    (record,) = await agent._store.recoveries(RecoveryQuery(id=found[0]))
    return record


def nanoseconds(record: RecoveryRecord) -> tuple[int, int]:
    assert record.finished_at is not None
    first, last = (round(at.timestamp() * 1e6) * 1000 for at in (record.decided_at, record.finished_at))
    return first, last


async def test_the_receiver_gets_one_trace_per_recovery_with_a_span_for_every_step(
    tmp_path: Path, collector: Collector
) -> None:
    """The ladder: one action that records, one that fails, one that heals; each acting one is verified."""
    section = TELEMETRY.format(url=collector.url, token=TOKEN)
    logging.getLogger("salus").setLevel(logging.DEBUG)
    try:
        async with agent_of(tmp_path, section, listeners=(log_event,)) as agent:
            record = await healed(agent)
            await until(lambda: len(collector.spans) >= 7 and len(collector.logs) >= 5)
            await until(lambda: collector.metrics.get("salus.recovery.duration"))
    finally:
        logging.getLogger("salus").setLevel(logging.NOTSET)
    it_is_told_whole(record, collector.spans)
    assert collector.resource["service.name"] == "salus"
    assert collector.resource["team"] == "shop"
    assert collector.resource["deployment.environment.name"] == "testing"
    assert all(headers["authorization"] == f"Bearer {TOKEN}" for headers in collector.headers)

    spoken = [one for one in collector.logs if one.trace_id.hex() == traces.trace_id(record.id)]
    assert {one.span_id.hex() for one in spoken} == {record.id}
    said = {pair.value.string_value for one in spoken for pair in one.attributes if pair.key == "salus.event"}
    assert {"recovery_started", "action_finished", "recovery_finished"} <= said

    duration = next(iter(points(collector.metrics["salus.recovery.duration"]).values()))
    assert duration.count == 1
    assert tuple(duration.explicit_bounds) == DURATIONS
    examples = [one.trace_id.hex() for one in collector.examples("salus.recovery.duration")]
    assert set(examples) == {traces.trace_id(record.id)}


def it_is_told_whole(record: RecoveryRecord, spans: list[GotSpan]) -> None:
    assert {span.trace for span in spans} == {traces.trace_id(record.id)}
    root = next(span for span in spans if not span.parent)
    assert root.name == "recovery flag"
    assert root.id == traces.span_id(record.id) == record.id
    assert (root.start, root.end) == nanoseconds(record)
    assert root.status == 1
    assert root.attributes["salus.outcome"] == "recovered"
    assert (root.attributes["salus.check"], root.attributes["salus.rule"]) == ("flag", "flag")
    assert root.attributes["salus.attempt"] == 1
    assert root.events == ["decided", "recovered"]
    steps = sorted((span for span in spans if span.parent), key=lambda span: (span.start, span.end))
    assert {span.parent for span in steps} == {root.id}
    assert [(span.name, span.status) for span in steps] == [
        ("confirm", 0),
        ("action log", 1),
        ("action run", 2),
        ("verify flag", 2),
        ("action run", 1),
        ("verify flag", 1),
    ]
    assert all(root.start <= span.start <= span.end <= root.end for span in steps)
    assert all(before.end <= after.start for before, after in pairwise(steps))
    assert steps[2].attributes["salus.step.result"] == "failed"
    assert steps[2].attributes["error.type"] == "failed"
    assert [span.attributes.get("salus.step.position") for span in steps] == [None, 1, 2, 2, 3, 3]


async def test_the_instruments_tell_what_the_page_of_metrics_tells(tmp_path: Path, collector: Collector) -> None:
    """Every series of ``/metrics`` is there, under the name and with the labels that Prometheus would make of it."""
    (tmp_path / "flag").touch()
    section = f"telemetry: {{endpoint: '{collector.url}', interval: 0.2s, traces: false}}"
    async with agent_of(tmp_path, section) as agent:
        await agent.control.check_now("flag")
        await asyncio.to_thread(eventually, lambda: "salus.check.runs" in collector.metrics)
        page = await asyncio.to_thread(ask, agent.server.addresses[0][1])
        with collector.got:
            collector.bodies.clear()
        # The first that comes may have been collected before the page was asked for.
        await asyncio.to_thread(eventually, lambda: len(collector.bodies) >= 2)
        got = collector.metrics
    from salus.surfaces.telemetry.instruments import INSTRUMENTS

    by_name = {one.family.name: one for one in INSTRUMENTS}
    for name, family in parse(page, openmetrics=False).items():
        one = by_name[name]
        shown = {frozenset(pair for pair in labels if pair[0] != "le") for _, labels in family.samples}
        if not shown or (one.name not in got and one.name.startswith("salus.recovery.")):
            continue  # an instrument without a measurement is not exported
        assert one.name in got, name
        assert set(points(got[one.name])) >= shown, name
        assert got[one.name].unit == one.unit
    assert next(iter(points(got["salus.check.duration"]).values())).count >= 1


def ask(port: int) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/metrics", headers={"Accept": "text/plain"})
        return connection.getresponse().read()
    finally:
        connection.close()


async def test_a_recovery_in_which_salus_was_killed_is_one_trace_too(tmp_path: Path, collector: Collector) -> None:
    salus = SalusProcess(
        tmp_path,
        "checks: {flag: {file: {path: ./flag, exists: true}, interval: 0.2s}}\n"
        "rules: {flag: {actions: [log, {run: ['/bin/sleep', '60']}], recovery_timeout: 90s}}\n"
        f"telemetry: {{endpoint: '{collector.url}'}}\n",
    )
    try:
        salus.start("--log-format", "json", "--log-level", "debug")
        eventually(lambda: '"action_started", "check": "flag", "rule": "flag"' in salus.log and "2. run" in salus.log)
        events = eventually(lambda: [one for one in story(salus) if one["event"] == "action_started"][1:])
        eventually(lambda: "2. run" in str(salus.ask("GET", "/api/v1/events?limit=20")[1]), what="a row")
        salus.kill()
        assert not collector.spans
        salus.start()
        eventually(lambda: len(collector.spans) >= 4)
        spans = collector.spans
    finally:
        salus.close()
    recovery = events[0]["recovery"]
    assert {span.trace for span in spans} == {traces.trace_id(recovery)}
    by_name = {span.name: span for span in spans}
    root = by_name["recovery flag"]
    assert root.status == 2
    assert root.attributes["salus.outcome"] == Outcome.INTERRUPTED
    assert by_name["action run"].attributes["salus.step.result"] == "interrupted"
    assert by_name["action run"].end == root.end
    told_at = datetime.fromisoformat(events[0]["time"]).timestamp()
    assert abs(told_at - by_name["action run"].start / 1e9) < 5


def story(salus: SalusProcess) -> list[dict[str, Any]]:
    """Return the events in its log."""
    lines = [json.loads(line) for line in salus.log.splitlines() if line.startswith("{")]
    return [line for line in lines if "event" in line]


async def test_an_application_hands_over_the_providers_that_it_has(tmp_path: Path) -> None:
    kept, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracer, meter = TracerProvider(shutdown_on_exit=False), MeterProvider([reader], shutdown_on_exit=False)
    tracer.add_span_processor(SimpleSpanProcessor(kept))
    providers = Providers(tracer=tracer, meter=meter)
    async with agent_of(tmp_path, "", providers=providers) as agent:
        record = await healed(agent)
        await until(kept.get_finished_spans)
        data = await asyncio.to_thread(reader.get_metrics_data)
        here = reader.get_metrics_data()  # on the loop that Salus is on: no dead-lock
    assert {f"{span.context.trace_id:032x}" for span in kept.get_finished_spans()} == {traces.trace_id(record.id)}
    for found in (data, here):
        assert found is not None
        names = {
            metric.name for one in found.resource_metrics for scope in one.scope_metrics for metric in scope.metrics
        }
        assert {"salus.check.status", "salus.recovery.duration", "salus.recoveries"} <= names
    tracer.get_tracer("shop").start_span("of the shop").end()
    assert kept.get_finished_spans()[-1].name == "of the shop", "what is not ours goes on"
    assert f"{kept.get_finished_spans()[-1].context.trace_id:032x}" != traces.trace_id(record.id)
    meter.shutdown()
    tracer.shutdown()


async def test_a_dead_collector_costs_one_line_and_keeps_nobody_waiting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector.status = 400
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    async with agent_of(tmp_path, "telemetry: {interval: 0.1s}") as agent:
        await healed(agent)
        await until(lambda: len(collector.bodies) >= 4)
    lines = [record for record in caplog.records if record.name.startswith("opentelemetry")]
    assert len(lines) == 1
    assert "telemetry does not get through" in lines[0].getMessage()
    assert lines[0].exc_info is None


async def test_a_collector_that_never_answers_delays_neither_healing_nor_the_end(
    tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    collector.hangs = True
    monkeypatch.setattr("salus.surfaces.telemetry.telemetry.STOP_WITHIN", 0.2)
    async with agent_of(tmp_path, f"telemetry: {{endpoint: '{collector.url}', interval: 0.1s}}") as agent:
        await healed(agent)
        await until(lambda: len(collector.bodies) >= 2)
        (tmp_path / "flag").unlink()
        agent.engine.units["flag"].rules[0].memory = RuleState(rule="flag")
        await healed(agent)
        async with asyncio.timeout(8):  # and not the 10 s of an export
            await agent.outside.stop()
    assert "the last telemetry was not taken within 0.2 s" in caplog.text
    collector.closing.set()  # what hangs is answered by an end, and nobody tries again
    await until(lambda: not [one.name for one in threading.enumerate() if one.name.startswith("Otel")])


def test_without_the_extra_the_config_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("salus.app.build.find_spec", lambda _: None)
    with pytest.raises(ConfigError) as caught:
        resolve(loads("telemetry:", name="salus.yaml", environ={}))
    assert str(caught.value) == (
        "salus.yaml:1:1: telemetry: telemetry needs the extra 'opentelemetry' (pip install 'salus[opentelemetry]')"
    )


@pytest.mark.parametrize("variable, value", [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")])
async def test_the_environment_can_switch_it_off(
    tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    async with agent_of(tmp_path, f"telemetry: {{endpoint: '{collector.url}', metrics: false}}") as agent:
        await healed(agent)
    assert collector.bodies == []


async def test_what_the_environment_says_wrongly_keeps_nobody_from_healing(
    tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")
    async with agent_of(tmp_path, f"telemetry: {{endpoint: '{collector.url}'}}") as agent:
        await healed(agent)
    assert "telemetry cannot begin: ValueError: max_queue_size must be a positive integer" in caplog.text


def test_what_the_environment_says_wrongly_is_no_collector_that_is_down(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in NAMES:  # the exporter of another test may still be at its end
        monkeypatch.setattr(logging.getLogger(name), "filters", [])
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "soon")
    shape = TelemetryShape(endpoint="http://127.0.0.1:1", traces=False)
    OwnProviders(shape, environment="testing", instance="a").shut_down()
    assert "Found invalid value for export interval" in caplog.text
    complaint = next(one for one in caplog.records if "invalid value" in one.getMessage())
    assert "does not get through" not in complaint.getMessage()
