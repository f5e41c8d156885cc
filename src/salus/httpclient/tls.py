"""TLS contexts, made once per set of options and files, and what a peer's certificate says."""

from __future__ import annotations

import asyncio
import os
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from salus.httpclient.faults import LocalError


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsOptions:
    """How to speak TLS.

    Attributes:
        verify: trust only a certificate that is valid now, for that name, from a known authority.
        ca_file: authorities to trust instead of the system's, as PEM.
        client_certificate: our own certificate (chain), as PEM.
        client_key: its private key, where it is not in the same file.
        server_name: the name to ask for and to verify, where it is not the host's.
    """

    verify: bool = True
    ca_file: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    server_name: str | None = None


_Stamp: TypeAlias = "tuple[str, int, int] | None"


def context(options: TlsOptions, alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
    """Return the context for these options; the same one until one of their files changes.

    Raises:
        LocalError: a file is missing, unreadable or not what it should be.
    """
    stamps = tuple(_stamp(path) for path in (options.ca_file, options.client_certificate, options.client_key))
    return _context(options.verify, stamps, alpn)


def _stamp(path: Path | None) -> _Stamp:
    if path is None:
        return None
    try:
        status = os.stat(path)  # noqa: PTH116 -- on the way of every TLS look; Path.stat costs twice as much
    except OSError as error:
        what = f"cannot read {path}: {error.strerror}"
        found = LocalError(what, remedy="correct the path or its permissions")
        raise found.because(error.errno or 0) from error
    return (str(path), status.st_mtime_ns, status.st_ino)


@lru_cache(maxsize=64)
def _context(verify: bool, stamps: tuple[_Stamp, ...], alpn: tuple[str, ...]) -> ssl.SSLContext:
    authorities, certificate, key = (stamp and stamp[0] for stamp in stamps)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if not verify:
            made.check_hostname = False
            made.verify_mode = ssl.CERT_NONE
        elif authorities:
            made.load_verify_locations(cafile=authorities)
        else:
            made.load_default_certs()
        if certificate:
            made.load_cert_chain(certificate, key)
    except OSError as error:
        names = ", ".join(name for name in (authorities, certificate, key) if name)
        what = f"cannot use the certificates of {names}: {error.strerror or error}"
        raise LocalError(what, remedy="they must be readable PEM files, and a key must fit its certificate") from error
    if alpn:
        made.set_alpn_protocols(list(alpn))
    return made


def expires(transport: asyncio.BaseTransport) -> datetime | None:
    """Return when the peer's certificate expires; None without TLS, or without verification and ``cryptography``."""
    tls = transport.get_extra_info("ssl_object")
    if tls is None:
        return None
    if (facts := tls.getpeercert()) and "notAfter" in facts:
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(facts["notAfter"]), UTC)
    raw = tls.getpeercert(binary_form=True)
    if raw is None:
        return None
    try:
        from cryptography import x509  # an extra, and only where verification is off
    except ImportError:
        return None
    try:
        return x509.load_der_x509_certificate(raw).not_valid_after_utc
    except ValueError:
        return None
