"""Tell people in the log."""

from __future__ import annotations

import logging

from salus.channels import _words as words
from salus.model import Level, Notification, Occasion
from salus.options import ChannelOptions
from salus.ports import Letter
from salus.units import format_duration

_log = logging.getLogger("salus.alerts")
_LEVELS = {Level.INFO: logging.INFO, Level.WARNING: logging.WARNING, Level.CRITICAL: logging.CRITICAL}
_LINE = 1000


class Log(ChannelOptions, frozen=True, kw_only=True):
    """Write one line to the log of Salus, on the level of the worst that is open; info for what is taken or over.

    Where it is about several alerts, what is new is told of each, as far as the line has room.
    """

    async def send(self, letter: Letter) -> str:
        """Write the line."""
        told = letter.notification
        late = f" (sent {format_duration(letter.late)} late)" if letter.late else ""
        link = (
            words.page(told, told.alerts[0]) if len(told.alerts) == 1 else words.overview(told) if told.alerts else ""
        )
        line = f"{words.clean(_said(told), _LINE)}{late}{f' {words.clean(link, _LINE)}' if link else ''}"
        facts = {"channel": words.clean(told.channel, 100), "notification": words.clean(told.id, 100)}
        _log.log(_LEVELS[_level(told)], "%s", line, extra={"facts": facts})
        return ""


def _said(told: Notification) -> str:
    """Say all that a line has room for: there is nothing below it to read on."""
    if len(told.alerts) == 1 and not told.more:
        return words.headline(told)
    news = [alert for alert in told.alerts if alert.fingerprint in told.fresh] or told.alerts
    return ": ".join([words.headline(told), "; ".join(words.short(alert, told.at) for alert in news)]).rstrip(": ")


def _level(told: Notification) -> Level:
    """Return how much the news matters: that somebody has it, or that it is over, wakes nobody."""
    if told.occasion in (Occasion.ACKNOWLEDGED, Occasion.RESOLVED) and not any(alert.moment for alert in told.alerts):
        return Level.INFO
    return words.worst(told)
