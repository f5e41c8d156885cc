"""The alerts of a simulated time: raised, grouped and rated by the real alerter, and then only counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from salus.alerts.compose import Sender
from salus.app.alerting import judges
from salus.app.build import Resolved
from salus.engine.alerter import Alerter
from salus.engine.engine import Engine
from salus.engine.recorder import Recorder
from salus.model import Delivery


class Postbox:
    """Takes what would be sent, and counts it by channel."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.sent: Counter[str] = Counter()

    def take(self, delivery: Delivery) -> None:
        """Count a notification."""
        self.sent[delivery.channel] += 1

    def waits(self, channel: str, key: str) -> bool:
        """Say that everything arrives at once."""
        return False

    def failing(self) -> Mapping[str, str]:
        """Say that no channel fails."""
        return {}


def telling(engine: Engine, recorder: Recorder, resolved: Resolved, postbox: Postbox) -> Alerter:
    """Return the alerter of a config; it hears events once it is subscribed and started."""
    alerter = Alerter(engine, recorder, postbox)
    channels = dict.fromkeys(resolved.settings.alerts.channels)
    alerter.configure(resolved.settings.alerts, judges(engine, resolved), channels, Sender())
    return alerter
