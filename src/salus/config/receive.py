"""``alerts.receive``: who may tell Salus of alerts of others."""

from __future__ import annotations

from typing import Annotated, cast

from msgspec import Meta

from salus.config.convert import Converter, Missing
from salus.config.shapes import Shape
from salus.config.sources import Keys
from salus.model import Json, Receive
from salus.secret import Secret
from salus.units import Duration

SHORTEST = 16
_REMEDY = "make one with `openssl rand -hex 32`"

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


def receive(convert: Converter, raw: Json, path: Keys) -> Receive | None:
    """Read the section; problems are kept by the converter.

    Returns:
        None where the section is not there, empty, or wrong.
    """
    if raw is None:
        return None
    result = convert.struct(ReceiveShape, raw, path)
    if result is Missing.VALUE:
        return None
    shape = cast("ReceiveShape", result)
    if len(shape.token.reveal()) < SHORTEST:
        key = "token" if isinstance(raw, dict) and "token" in raw else "token_file"
        what = f"the token is shorter than {SHORTEST} characters: it can be guessed"
        convert.note((*path, key), what, _REMEDY, value=False)
        return None
    return Receive(
        token=shape.token,
        resolve_timeout=float(shape.resolve_timeout),
        webhook_timeout=float(shape.webhook_timeout),
    )
