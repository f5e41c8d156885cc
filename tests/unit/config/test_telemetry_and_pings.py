"""The sections ``telemetry`` and ``pings``, and how the log is written."""

from __future__ import annotations

import pytest

from salus.config import Settings, loads
from salus.errors import ConfigError


def read(text: str, **environ: str) -> Settings:
    return loads(text, name="salus.yaml", environ=environ)


def test_without_their_sections_there_is_neither() -> None:
    settings = read("")
    assert settings.telemetry is None
    assert settings.pings == {}


def test_an_empty_section_switches_telemetry_on() -> None:
    telemetry = read("telemetry:").telemetry
    assert telemetry is not None
    assert (telemetry.endpoint, telemetry.traces, telemetry.metrics, telemetry.logs) == ("", True, True, False)


def test_a_url_alone_is_a_ping() -> None:
    pings = read("pings: {hc: https://hc-ping.com/x, other: {url: https://example.org/x, interval: 5m}}").pings
    assert {name: float(ping.interval) for name, ping in pings.items()} == {"hc": 60, "other": 300}
    assert "hc-ping" not in repr(pings)


@pytest.mark.parametrize(
    "text, what",
    [
        ("telemetry: {endpoint: collector}", "telemetry.endpoint: it is not the address of a collector"),
        ("telemetry: {endpoint: 'http://:4318'}", "telemetry.endpoint: it is not the address of a collector"),
        ("telemetry: {endpoint: 'http://a:99999'}", "telemetry.endpoint: it is not the address of a collector"),
        ("telemetry: {endpoint: 'http://me:hunter2@a:1'}", "put the credential into headers"),
        ('telemetry: {headers: {authorization: "a\\nb"}}', "its value holds a line break"),
        ("telemetry: {interval: 10ms}", "telemetry.interval"),
        ("telemetry: {endpont: x}", "did you mean 'endpoint'?"),
        ("pings: {hc: {interval: 1m}}", "the key 'url' is missing"),
        ("pings: [https://hc-ping.com/x]", "pings"),
        ("salus: {log_format: xml}", "salus.log_format"),
    ],
)
def test_what_is_wrong_is_told_at_its_place_and_without_a_secret(text: str, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert what in str(caught.value)
    assert str(caught.value).startswith("salus.yaml:1:")
    assert "hunter2" not in str(caught.value)


def test_the_environment_says_how_the_log_is_written() -> None:
    assert read("").agent.log_format == "console"
    assert read("salus: {log_format: json}").agent.log_format == "json"
    assert read("salus: {log_format: json}", SALUS_LOG_FORMAT="console").agent.log_format == "console"
    with pytest.raises(ConfigError, match="SALUS_LOG_FORMAT: there is no log format 'jsn' \\(did you mean 'json'"):
        read("", SALUS_LOG_FORMAT="jsn")
