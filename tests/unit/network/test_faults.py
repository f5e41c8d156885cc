"""Whose fault a failure is, and what to do about it."""

from __future__ import annotations

import errno
import os
import socket
import ssl

import pytest

from salus.httpclient import ConnectError, LocalError, ResolveError, TlsError, explain


@pytest.mark.parametrize(
    "number", [errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH, errno.ETIMEDOUT, errno.EPIPE]
)
def test_the_target_was_asked_and_did_not_do_its_part(number: int) -> None:
    fault = explain(OSError(number, os.strerror(number)), "web:80")
    assert isinstance(fault, ConnectError)
    assert not fault.ours
    assert "web:80" in str(fault)
    assert fault.remedy


@pytest.mark.parametrize(
    "number",
    [
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
        errno.EACCES,
        errno.EPERM,
        errno.ENETUNREACH,
        errno.EADDRNOTAVAIL,
    ],
)
def test_nobody_was_asked(number: int) -> None:
    fault = explain(OSError(number, os.strerror(number)), "web:80")
    assert isinstance(fault, LocalError)
    assert fault.ours
    assert fault.remedy


def test_a_socket_that_ran_out_of_time_is_not_taken_for_our_own_deadline() -> None:
    error = OSError(errno.ETIMEDOUT, "Connection timed out")
    assert isinstance(error, TimeoutError)
    fault = explain(error, "web:80")
    assert not isinstance(fault, TimeoutError)
    assert "did not answer in time" in str(fault)


def test_an_error_nobody_knows_blames_nobody_else() -> None:
    assert explain(OSError(errno.EXDEV, "odd"), "web:80").ours
    assert explain(OSError("no number at all"), "web:80").ours


@pytest.mark.parametrize(
    "number,words",
    [
        (socket.EAI_NONAME, "does not exist"),
        (socket.EAI_AGAIN, "resolver does not answer"),
        (socket.EAI_FAIL, "no address for web:80"),
    ],
)
def test_a_name_without_address_is_our_own_trouble(number: int, words: str) -> None:
    fault = explain(socket.gaierror(number, "text"), "web:80")
    assert isinstance(fault, ResolveError)
    assert fault.ours
    assert words in str(fault)


@pytest.mark.parametrize(
    "reason,words",
    [
        ("WRONG_VERSION_NUMBER", "does not speak TLS there"),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "wants a certificate of the client"),
        ("TLSV1_ALERT_PROTOCOL_VERSION", "speaks no version of TLS"),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", "no common TLS settings"),
        ("SOMETHING_NEW", "TLS with web:443 failed: SOMETHING_NEW"),
    ],
)
def test_a_handshake_that_fails_says_why(reason: str, words: str) -> None:
    error = ssl.SSLError(1, f"[SSL: {reason}] text (_ssl.c:1)")
    error.reason = reason
    fault = explain(error, "web:443")
    assert isinstance(fault, TlsError)
    assert not fault.ours
    assert words in str(fault)
