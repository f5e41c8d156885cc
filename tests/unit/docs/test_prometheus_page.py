"""The recipe for alerts of a Prometheus: what it shows can be used."""

from __future__ import annotations

import re
from pathlib import Path

from salus.app.build import resolve
from salus.config import loads
from salus.matchers import parse_matchers

PAGE = Path(__file__).resolve().parents[3] / "docs/how-to/heal-what-prometheus-sees.md"


def test_the_config_on_the_page_is_one() -> None:
    text = next(
        block for block in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL) if "services:" in block
    )
    text = text.replace("token_file: /etc/salus/prometheus-token", "token: a-token-that-nobody-guesses")
    resolved = resolve(loads(text, environ={}))
    assert resolved.alert_listeners() == {
        "web-latency": (parse_matchers('alertname="HighLatency", job="web"'), parse_matchers("alertname=Watchdog"))
    }
    assert resolved.settings.alerts.receive is not None
    rule = next(rule for rule in resolved.settings.rules if rule.name == "web-latency")
    assert rule.recovery_timeout > rule.verify_timeout
