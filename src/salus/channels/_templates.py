"""Templates of webhooks, in Jinja2 (the extra ``templates``): sandboxed, read once, tried when the config is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from salus.channels._document import document
from salus.errors import DeliveryError, MissingExtraError
from salus.model import Alert, AlertState, Deed, Level, Notification, Occasion
from salus.ports import Letter

if TYPE_CHECKING:
    from jinja2 import Undefined

LIMIT = 64 * 1024
"""The most characters that a template may write."""

_Write: TypeAlias = Callable[[Letter], str]
_SOME_TIME = datetime(2026, 1, 1, tzinfo=UTC)
_SAMPLE_ALERT = Alert(
    id="0", fingerprint="0" * 16, labels={"alertname": "sample", "check": "sample", "component": "sample"},
    rule="sample", level=Level.WARNING, state=AlertState.FIRING, check="sample", summary="sample", detail="sample",
    runbook="sample",
    first_seen=_SOME_TIME, last_seen=_SOME_TIME, deeds=(Deed(at=_SOME_TIME, recovery="0", action="log", result="ok"),),
)  # fmt: skip
_SAMPLE = Letter(
    notification=Notification(
        id="0", channel="sample", key="0", occasion=Occasion.FIRING, state=AlertState.FIRING, at=_SOME_TIME,
        alerts=(_SAMPLE_ALERT,), group={"component": "sample"},
    )
)  # fmt: skip


def problem(template: str) -> str:
    """Say what is wrong with a template, or nothing: it is read, and tried on a made-up letter."""
    from jinja2 import TemplateError, TemplateSyntaxError

    try:
        strict = _compiled(template, strict=True)
        for alerts in ((_SAMPLE_ALERT,), (_SAMPLE_ALERT, replace(_SAMPLE_ALERT, state=AlertState.RESOLVED))):
            strict(replace(_SAMPLE, notification=replace(_SAMPLE.notification, alerts=alerts)))
    except TemplateSyntaxError as error:
        return f"line {error.lineno}: {error.message}"
    except TemplateError as error:
        return f"{error.message}: known are {', '.join(document(_SAMPLE))}"
    except DeliveryError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - a template can raise anything, as any program can
        return f"it fails: {type(error).__name__}: {error}"
    return ""


def fill(template: str, letter: Letter) -> str:
    """Write a letter as the template has it. A name that this letter does not have writes nothing.

    Raises:
        DeliveryError: it fails, or it writes too much.
    """
    try:
        return _compiled(template, strict=False)(letter)
    except DeliveryError:
        raise
    except Exception as error:
        what = f"the template fails: {type(error).__name__}: {str(error)[:200]}"
        raise DeliveryError(what, remedy="try it: salus notify test", permanent=True) from error


@lru_cache(maxsize=128)
def _compiled(template: str, *, strict: bool) -> _Write:
    try:
        from jinja2 import ChainableUndefined, StrictUndefined
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ModuleNotFoundError as error:
        raise MissingExtraError("a template", extra="templates") from error

    undefined: type[Undefined] = StrictUndefined if strict else ChainableUndefined
    # What is written is JSON or plain text, as the template's author says: escaping for HTML would spoil it.
    environment = ImmutableSandboxedEnvironment(undefined=undefined, autoescape=False)
    made = environment.from_string(template)

    def write(letter: Letter) -> str:
        written: list[str] = []
        size = 0
        for part in made.generate(document(letter)):
            size += len(part)
            if size > LIMIT:
                raise DeliveryError(f"the template writes more than {LIMIT // 1024} KiB", permanent=True)
            written.append(part)
        return "".join(written)

    return write
