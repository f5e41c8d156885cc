"""What every check over a network shares: whose fault a failure is, and how fast is fast enough.

A verdict needs contact with the target. Refused, reset, unreachable, out of time, a bad certificate, rubbish for an
answer: the target was asked and did not do its part, so the look is ``unhealthy``. No descriptor, no route, no
permission, no address for the name: nobody was asked, so the check could not tell (``unknown``) and nothing is healed.
That holds for a name that does not exist, too: no restart of a service ever mended a name, and a typing error in a
config must not restart anything. Whose business is the name itself uses the ``dns`` check, where it is a verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from salus.errors import CheckBrokenError, SalusError
from salus.httpclient import HttpError
from salus.httpclient.dial import Endpoint
from salus.model import NO_METRICS, Metric, Observation, Status
from salus.ports import Look
from salus.units import Duration, format_duration

# The share of the deadline that the resolver may take. Less than all of it, so that a resolver that hangs is told
# from a target that does: the first is ours, the second is not.
_RESOLVING = 0.8


def resolve_within(look: Look, endpoint: Endpoint | None = None) -> float | None:
    """Return the seconds that name resolution may take in this look; None where that place has nothing to resolve."""
    return None if endpoint is not None and endpoint.literal else max(0.01, look.remaining * _RESOLVING)


def failed(
    look: Look,
    error: HttpError,
    metrics: Mapping[str, Metric] = NO_METRICS,
    redact: Callable[[str], str] = str,
) -> Observation:
    """Answer a failure: ``unhealthy`` where the target is to blame.

    Args:
        look: the look that failed.
        error: how.
        metrics: what was measured all the same.
        redact: takes the secrets out that a server may repeat.

    Raises:
        CheckBrokenError: the target is not to blame.
    """
    if error.ours:
        broken = CheckBrokenError(redact(str(error)), remedy=error.remedy, cause=error.cause)
        raise broken from (error if redact is str else None)
    return look.observe(Status.UNHEALTHY, redact(told(error)), metrics=metrics, cause=error.cause)


def told(error: SalusError) -> str:
    """Say what is wrong, with the remedy where there is one."""
    return f"{error} ({error.remedy})" if error.remedy else str(error)


def too_slow(latency: float, below: Duration | None) -> str:
    """Say that a look took too long, or nothing."""
    if below is None or latency < below:
        return ""
    return f"expected an answer in under {format_duration(below)}, it took {format_duration(latency)}"


def certificate_ends(left: float, wanted: float) -> str:
    """Say that a certificate will not last as long as wanted."""
    if left < 0:
        return f"the certificate expired {format_duration(-left)} ago"
    return f"expected a certificate for at least {format_duration(wanted)} more, it expires in {format_duration(left)}"


def endpoint(host: str, port: int, unix_socket: Path | None) -> Endpoint:
    """Return where to connect to; brackets around an IPv6 address are taken off."""
    return Endpoint(host.strip("[]"), port, unix_socket)


def excerpt(data: bytes, limit: int = 80) -> str:
    """Return the beginning of what a target sent as one printable line."""
    text = data[: 4 * limit].decode("utf-8", "replace")
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return line if len(line) <= limit and len(data) <= 4 * limit else f"{line[:limit]}…"
