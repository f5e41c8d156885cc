"""Which alert a person means: by its id, its fingerprint, the beginning of one, or the name of its check or rule."""

from __future__ import annotations

from collections.abc import Sequence

from salus.errors import ConflictError, NotFoundError
from salus.model import Alert

SHORT = 8
"""So many characters of an id are shown where there is little room."""

_LISTED = 5


def named(alerts: Sequence[Alert], name: str) -> Alert:
    """Return the one alert that is called so: what is exact first, then names, then beginnings.

    Args:
        alerts: among these.
        name: as a person wrote it.

    Raises:
        NotFoundError: none is called so.
        ConflictError: several are; it says which.
    """
    exact = [one for one in alerts if name in (one.id, one.fingerprint)]
    found = exact or [one for one in alerts if name and name in (one.rule, one.check)]
    found = found or [one for one in alerts if name and (one.id.startswith(name) or one.fingerprint.startswith(name))]
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotFoundError(f"there is no active alert {name[:200]!r}", remedy="`salus alerts` lists them")
    shown = ", ".join(f"{one.id[:SHORT]} ({_about(one)})" for one in found[:_LISTED])
    more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    raise ConflictError(f"{name[:200]!r} could be {shown}{more}", remedy="give the id of the one you mean")


def _about(alert: Alert) -> str:
    return f"{alert.rule} of {alert.check}" if alert.check else alert.rule
