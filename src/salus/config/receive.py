"""``alerts.receive``: who may tell Salus of alerts of others."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from salus.config.shapes import Shape
from salus.model import Receive
from salus.secret import Secret
from salus.units import Duration

SHORTEST = 16

Wait = Annotated[Duration, Meta(gt=0, le=30 * 86400)]


class ReceiveShape(Shape, frozen=True, kw_only=True):
    """Take alerts of a Prometheus or an Alertmanager in, for `alert` checks; without a token nobody is listened to.

    Attributes:
        token: what a sender must know, at least 16 characters: `Authorization: Bearer <token>`, or Basic with it as the
            password.
        resolve_timeout: how long an alert that came without an end is believed, unless it is told again.
        webhook_timeout: how long an alert of a webhook is believed; longer than the sender's `repeat_interval`.
    """

    token: Secret
    resolve_timeout: Wait = Duration(300)
    webhook_timeout: Wait = Duration(12 * 3600)

    def __post_init__(self) -> None:
        """See that the token cannot be guessed."""
        if len(self.token.reveal()) < SHORTEST:
            message = f"the token is shorter than {SHORTEST} characters, so it can be guessed: `openssl rand -hex 32`"
            raise ValueError(message)

    def settings(self) -> Receive:
        """Return what it means."""
        return Receive(
            token=self.token,
            resolve_timeout=float(self.resolve_timeout),
            webhook_timeout=float(self.webhook_timeout),
        )
