"""What a check has in common with others of its kind, named so that a failure can be blamed on it."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from salus.checks.command import Command
from salus.checks.disk import Disk
from salus.checks.dns import Dns
from salus.checks.http import Http
from salus.checks.tcp import Tcp
from salus.checks.tls import Tls
from salus.httpclient import explain
from salus.model import cause_of
from salus.options import CheckOptions


@pytest.mark.parametrize(
    "options, shared",
    [
        (Command(run=("/opt/check", "web1")), "/opt/check"),
        (Command(run=("python3", "-I", "/opt/check.py", "web1")), "python3 /opt/check.py"),
        (Command(run=("/usr/bin/python3.11", "/opt/check.py")), "/usr/bin/python3.11 /opt/check.py"),
        (Command(run=("timeout", "5", "env", "LANG=C", "/opt/check", "web1")), "timeout env /opt/check"),
        (Command(run=("sh", "-c", "pgrep web1")), None),
        (Command(run=("/usr/bin/python3.11", "-c", "raise SystemExit(1)")), None),
        (Http(url="http://127.0.0.1:8080/a?b"), "127.0.0.1:8080"),
        (Http(url="https://example.org/a"), "example.org:443"),
        (Http(url="http://localhost/", unix_socket=Path("/run/app.sock")), "/run/app.sock"),
        (Tcp(port=25), "127.0.0.1:25"),
        (Tls(host="example.org", starttls="smtp"), "example.org:587"),
        (Dns(name="a.example.org"), "the system's resolvers"),
        (Dns(name="a.example.org", servers=("192.0.2.1",)), "192.0.2.1"),
        (Disk(path=Path("/")), None),
    ],
)
def test_a_check_names_what_others_share_with_it(options: CheckOptions, shared: str | None) -> None:
    assert options.shares == shared


def test_checks_behind_one_proxy_share_the_proxy() -> None:
    both = [Http(url=f"http://{name}.example.org/", proxy="http://127.0.0.1:3128") for name in ("a", "b")]
    assert {check.shares for check in both} == {"127.0.0.1:3128"}


@pytest.mark.parametrize(
    "number, cause",
    [
        (errno.EMFILE, "no_descriptors"),
        (errno.ENFILE, "no_descriptors"),
        (errno.ENOMEM, "no_memory"),
        (errno.EADDRNOTAVAIL, "no_ports"),
        (errno.ENETUNREACH, "no_route"),
        (errno.EACCES, "permission"),
        (errno.ECONNREFUSED, "refused"),
        (errno.ENOENT, "refused"),  # a unix socket that nobody made
        (errno.EAGAIN, "refused"),  # a unix socket whose queue is full
        (errno.ECONNRESET, "reset"),
        (errno.EHOSTUNREACH, "unreachable"),
        (errno.ETIMEDOUT, "timeout"),
        (errno.EXDEV, f"errno_{errno.EXDEV}"),
    ],
)
def test_a_connection_that_fails_says_its_cause_in_one_word(number: int, cause: str) -> None:
    assert explain(OSError(number, os.strerror(number)), "web:80").cause == cause


def test_a_name_without_an_address_is_the_resolvers_cause() -> None:
    assert explain(socket.gaierror(socket.EAI_AGAIN, "try again"), "web:80").cause == "dns"


def test_nothing_is_said_of_an_error_without_a_number() -> None:
    assert cause_of(None) == ""
    assert explain(OSError("no number at all"), "web:80").cause == ""
