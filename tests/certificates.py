"""Certificates made for a test."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Identity:
    """A certificate with its key, as files and as the context of a server."""

    certificate: Path
    key: Path

    def server(self, *, wants_clients_of: Path | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        if wants_clients_of is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(wants_clients_of)
        return context


class Authority:
    """Signs certificates."""

    def __init__(self, folder: Path, now: datetime) -> None:
        self._folder = folder
        self._now = now
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test Authority")])
        self._count = 0
        root = (
            self._builder(self._name, self._key, timedelta(days=-30), timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.file = folder / "authority.pem"
        self.file.write_bytes(root.public_bytes(serialization.Encoding.PEM))

    def issue(
        self, *, host: str = "localhost", lasts: timedelta = timedelta(days=90), self_signed: bool = False
    ) -> Identity:
        """Make a certificate for a host and 127.0.0.1 (unless another host is meant)."""
        self._count += 1
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        names: list[x509.GeneralName] = [x509.DNSName(host)]
        if host == "localhost":
            names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        builder = self._builder(name, key, timedelta(days=-30), lasts, issuer=name if self_signed else None)
        made = builder.add_extension(x509.SubjectAlternativeName(names), critical=False).sign(
            key if self_signed else self._key, hashes.SHA256()
        )
        identity = Identity(self._folder / f"{self._count}.pem", self._folder / f"{self._count}.key")
        identity.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        identity.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return identity

    def _builder(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        since: timedelta,
        until: timedelta,
        issuer: x509.Name | None = None,
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer or self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now + since)
            .not_valid_after(self._now + until)
        )
