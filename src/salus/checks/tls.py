"""The ``tls`` check: shake hands, verify the certificate, and say how long it lasts."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta

from salus.checks import _starttls
from salus.checks._conversation import Conversation
from salus.checks._net import certificate_ends, endpoint, failed, resolve_within
from salus.clock import SystemClock
from salus.errors import MissingExtraError
from salus.httpclient import HttpError, TlsError, TlsOptions
from salus.httpclient.dial import connect, start_tls
from salus.httpclient.tls import context
from salus.model import Cause, Json, Metric, Observation, Status
from salus.options import CheckOptions
from salus.ports import Check, Look, Site
from salus.units import Duration, format_duration

_monotonic = SystemClock().monotonic
_DAY = 86400


class Tls(CheckOptions, frozen=True, kw_only=True):
    """Shakes hands with a TLS server and judges its certificate.

    Healthy means: the handshake succeeded, the certificate is valid now, for that name, from a known authority, and
    lasts longer than ``warning``. A certificate that lasts less is degraded, less than ``critical`` unhealthy; so is
    one that has expired, is for another host or is self-signed, unless ``verify`` is false: then only the dates count,
    and the extra ``tls`` is needed to read them.

    Metrics: ``certificate_expires_seconds`` (negative once it has), ``connect_seconds``, ``tls_seconds``,
    ``latency_seconds``.

    Attributes:
        host: a name or an address.
        port: the TCP port; 443 unless ``starttls`` says otherwise (smtp 587, imap 143, pop3 110, postgres 5432).
        server_name: the name to ask for and to verify, where it is not the host.
        warning: a certificate that lasts less than this is degraded.
        critical: a certificate that lasts less than this is unhealthy.
        verify: trust only valid certificates; false judges the dates alone.
        ca_file: trust these authorities (PEM) instead of the system's.
        client_certificate: our own certificate (PEM), where the server wants one.
        client_key: its private key (PEM), where it is in a file of its own.
        starttls: first speak this protocol and ask it for TLS.
    """

    scalar: ClassVar[str] = "host"

    host: str
    port: Annotated[int, Meta(ge=1, le=65535)] | None = None
    server_name: str | None = None
    warning: Duration = Duration(14 * _DAY)
    critical: Duration = Duration(3 * _DAY)
    verify: bool = True
    ca_file: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    starttls: Literal["smtp", "imap", "pop3", "postgres"] | None = None

    def problems(self) -> list[tuple[str, str]]:
        """Find what the types alone cannot tell."""
        found: list[tuple[str, str]] = []
        if self.critical > self.warning:
            found.append(("critical", "critical is longer than warning: swap them"))
        if self.client_key and not self.client_certificate:
            found.append(("client_key", "a key needs its certificate: add client_certificate"))
        if not self.host:
            found.append(("host", "there is no host: write a name or an address"))
        return found

    @property
    def shares(self) -> str | None:
        """Name where it connects to."""
        return str(endpoint(self.host, self.port or _PORTS[self.starttls], None))

    def build(self, site: Site) -> Check:
        """Make the check.

        Raises:
            MissingExtraError: nothing here can read a certificate that was not verified.
        """
        if not self.verify and find_spec("cryptography") is None:
            raise MissingExtraError("a tls check with verify: false", extra="tls")
        return TlsCheck(self)


_PORTS = {None: 443, "smtp": 587, "imap": 143, "pop3": 110, "postgres": 5432}


@dataclass(frozen=True, slots=True)
class _Certificate:
    """What a check needs of a certificate."""

    expires: datetime
    facts: dict[str, Json]


class TlsCheck:
    """A ``tls`` check, ready to look."""

    __slots__ = ("_endpoint", "_options", "_place", "_tls")

    def __init__(self, options: Tls) -> None:
        """Read the options once."""
        self._options = options
        self._endpoint = endpoint(options.host, options.port or _PORTS[options.starttls], None)
        self._place = str(self._endpoint)
        self._tls = TlsOptions(
            verify=options.verify,
            ca_file=options.ca_file,
            client_certificate=options.client_certificate,
            client_key=options.client_key,
        )

    async def look(self, look: Look) -> Observation:
        """Shake hands and judge."""
        metrics: dict[str, Metric] = {}
        try:
            found = await self._shake_hands(look, self._tls, metrics)
        except TlsError as error:
            return failed(look, await self._dated(look, error, metrics), metrics)
        except HttpError as error:
            return failed(look, error, metrics)
        if found is None:
            said = f"{self._place} showed no certificate"
            return look.observe(Status.UNHEALTHY, said, metrics=metrics, cause=Cause.TLS)
        return self._judge(look, found, metrics)

    async def aclose(self) -> None:
        """Nothing is kept."""

    def _judge(self, look: Look, found: _Certificate, metrics: dict[str, Metric]) -> Observation:
        left = (found.expires - look.at).total_seconds()
        metrics["certificate_expires_seconds"] = Metric(left, "seconds")
        options = self._options
        if left < options.critical:
            status, message = Status.UNHEALTHY, certificate_ends(left, options.critical)
        elif left < options.warning:
            status, message = Status.DEGRADED, certificate_ends(left, options.warning)
        else:
            status, message = Status.HEALTHY, f"the certificate expires in {format_duration(left)}"
        return look.observe(status, f"{self._place}: {message}", metrics=metrics, metadata=found.facts)

    async def _shake_hands(self, look: Look, tls: TlsOptions, metrics: dict[str, Metric]) -> _Certificate | None:
        secured = context(tls)
        started = _monotonic()
        factory = partial(Conversation, self._place)
        peer = await connect(self._endpoint, factory, resolve_within=resolve_within(look, self._endpoint))
        try:
            connected = _monotonic()
            if self._options.starttls is not None:
                await _starttls.start(self._options.starttls, peer)
            asked = _monotonic()
            await start_tls(peer, secured, self._options.server_name or self._endpoint.host, self._place)
            done = _monotonic()
            metrics["connect_seconds"] = Metric(connected - started, "seconds")
            metrics["tls_seconds"] = Metric(done - asked, "seconds")
            metrics["latency_seconds"] = Metric(done - started, "seconds")
            return None if peer.transport is None else _certificate(peer.transport.get_extra_info("ssl_object"))
        finally:
            peer.abort()

    async def _dated(self, look: Look, error: TlsError, metrics: dict[str, Metric]) -> HttpError:
        """Say when a certificate expired, or would: OpenSSL refuses it without a word about that.

        Costs a second handshake, and only where the first one failed over the certificate.
        """
        refused = isinstance(error.__cause__, ssl.SSLCertVerificationError)
        if not refused or find_spec("cryptography") is None:
            return error
        try:
            found = await self._shake_hands(look, TlsOptions(verify=False), {})
        except HttpError:
            return error
        if found is None:
            return error
        left = (found.expires - look.at).total_seconds()
        metrics["certificate_expires_seconds"] = Metric(left, "seconds")
        when = f"since {found.expires:%Y-%m-%d %H:%M} UTC" if left < 0 else f"it expires {found.expires:%Y-%m-%d}"
        dated = TlsError(f"{error} ({when})", remedy=error.remedy)
        dated.__cause__ = error
        return dated


def _certificate(tls: Any) -> _Certificate | None:
    facts: dict[str, Json] = {"tls_version": tls.version() or "", "cipher": (tls.cipher() or ("",))[0]}
    if known := tls.getpeercert():
        expires = datetime.fromtimestamp(ssl.cert_time_to_seconds(known["notAfter"]), UTC)
        facts["subject"] = _name(known.get("subject", ()))
        facts["issuer"] = _name(known.get("issuer", ()))
        names: list[Json] = [str(value) for _, value in known.get("subjectAltName", ())]
        facts["names"] = names[:50]
    elif raw := tls.getpeercert(binary_form=True):
        from cryptography import x509  # an extra; `build` made sure of it

        try:
            read = x509.load_der_x509_certificate(raw)
            expires = read.not_valid_after_utc
            facts["subject"] = read.subject.rfc4514_string()
            facts["issuer"] = read.issuer.rfc4514_string()
        except ValueError as error:
            raise TlsError(f"the certificate cannot be read: {error}") from error
    else:
        return None
    facts["expires"] = expires.isoformat()
    return _Certificate(expires, facts)


def _name(parts: Any) -> str:
    return ",".join(f"{key}={value}" for part in parts for key, value in part)
