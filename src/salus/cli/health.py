"""``salus health``: asks a running Salus over HTTP whether all is well. Standard library only, and little of it.

Exit codes: 0 healthy or degraded, 1 anything else (Docker reserves 2), 64 for a command line that makes no sense.
"""

from __future__ import annotations

import os
import socket
import sys
import time

USAGE = """\
Usage: salus health [OPTIONS]

  Ask a running Salus whether all is well. Made for Docker's HEALTHCHECK and for
  readiness scripts: exits with 0 when healthy or degraded, with 1 otherwise.

Options:
  -H, --host TEXT      Address of Salus, or the path of its local socket.
                       [default: from SALUS_LISTEN, or 127.0.0.1]
  -p, --port INTEGER   Port of Salus.  [default: from SALUS_LISTEN, or 8787]
      --state-dir DIR  State folder of the Salus that is meant: asks its local
                       socket.  [default: from SALUS_STATE_DIR]
  -t, --timeout TEXT   Give up after this long, such as 5, 500ms or 2s.  [default: 5]
      --path TEXT      What to ask: /health, /readyz, /livez, /startupz or
                       /health/checks/NAME.  [default: /health]
  -v, --verbose        Print a line for every check.
      --help           Show this message and exit.
"""
WRONG_USAGE = 64
_DEFAULTS = ("127.0.0.1", "8787")
_UNITS = (("ms", 0.001), ("s", 1.0), ("m", 60.0), ("", 1.0))
_LONGEST_ANSWER = 1 << 20
_FLAGS = {"-H": "host", "-p": "port", "-t": "timeout", "-v": "verbose"}
_WITH_VALUE = ("host", "port", "state-dir", "timeout", "path")
_SOCKET = "salus.sock"


class _UsageError(Exception):
    pass


class _NoAnswerError(Exception):
    pass


def main(arguments: list[str]) -> int:
    """Ask, print, and return the exit code."""
    try:
        options = _options(arguments)
        if "help" in options:
            sys.stdout.write(USAGE)
            return 0
        host, port = _target(options, os.environ)
        timeout = _seconds(options.get("timeout", "5"))
        path = options.get("path", "/health")
        if not path.startswith("/") or not path.isascii() or not path.isprintable() or " " in path:
            raise _UsageError(f"{path!r} is not a path such as /health")
    except _UsageError as error:
        _complain(f"{error} (salus health --help shows what there is)")
        return WRONG_USAGE
    try:
        return _ask(host, port, timeout, path, verbose="verbose" in options)
    except (_NoAnswerError, OSError) as error:
        _complain(f"{_place(host, port)}: {error}")
    except KeyboardInterrupt:
        _complain("interrupted")
    return 1


def _ask(host: str, port: int, timeout: float, path: str, *, verbose: bool) -> int:
    query = ("&" if "?" in path else "?") + "verbose" if verbose else ""
    name = host if "/" not in host else "localhost"
    request = (
        f"GET {path}{query} HTTP/1.1\r\nHost: {f'[{name}]' if ':' in name else name}\r\n"
        "Accept: text/plain, */*;q=0.1\r\nUser-Agent: salus-health\r\nConnection: close\r\n\r\n"
    )
    code, body = _fetch(host, port, request.encode("latin-1"), timeout)
    text = body.decode("utf-8", "replace").strip()
    if code == 200:
        _say(text)
        return 0
    if code == 503 and text:
        _say(text)
    else:
        _complain(f"{_place(host, port)}{path} answered {code}; is that Salus, and is that a path of it?")
    return 1


def _fetch(host: str, port: int, request: bytes, timeout: float) -> tuple[int, bytes]:
    """Send a request and read the whole answer, all within ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    answer = b""
    try:
        with _connect(host, port, timeout) as connection:
            connection.sendall(request)
            while len(answer) < _LONGEST_ANSWER:
                connection.settimeout(max(0.001, deadline - time.monotonic()))
                part = connection.recv(65536)
                if not part:
                    break
                answer += part
                if time.monotonic() > deadline:
                    raise TimeoutError
    except TimeoutError:
        raise _NoAnswerError(f"no answer within {timeout:g} s") from None
    except socket.gaierror as error:
        raise _NoAnswerError(f"there is no such host ({error.strerror})") from None
    except (ConnectionRefusedError, FileNotFoundError):  # also of a socket whose Salus is gone
        raise _NoAnswerError("nobody listens there (is `salus run` running?)") from None
    except OSError as error:
        raise _NoAnswerError(error.strerror or str(error)) from None
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise _NoAnswerError("what answers there does not speak HTTP")
    return int(words[1]), body


def _connect(host: str, port: int, timeout: float) -> socket.socket:
    if "/" not in host:
        return socket.create_connection((host, port), timeout)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout)
    try:
        connection.connect(host)
    except OSError:
        connection.close()
        raise
    return connection


def _options(arguments: list[str]) -> dict[str, str]:
    """Read the command line; argparse alone would double the time this command takes."""
    found: dict[str, str] = {}
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        name, equals, value = word.partition("=")
        if word.startswith("--"):
            name = name[2:]
        elif word[:2] in _FLAGS:
            name, value = _FLAGS[word[:2]], word[2:]
            equals = value
            if name == "verbose" and value:
                waiting.insert(0, f"-{value}")
                equals = value = ""
        else:
            raise _UsageError(f"unexpected argument {word!r}")
        if name in _WITH_VALUE:
            if not equals:
                if not waiting:
                    raise _UsageError(f"{word} needs a value")
                value = waiting.pop(0)
            found[name] = value
        elif name in ("verbose", "help") and not equals:
            found[name] = "yes"
        else:
            raise _UsageError(f"no such option: {word}")
    return found


def _target(options: dict[str, str], environ: os._Environ[str] | dict[str, str]) -> tuple[str, int]:
    host, port = _DEFAULTS
    said = options.keys() & {"host", "port"}
    if folder := options.get("state-dir", ""):
        if said:
            raise _UsageError(f"--state-dir and --{min(said)} say two places to ask: keep one")
        return f"{folder}/{_SOCKET}", int(port)
    if listen := environ.get("SALUS_LISTEN", ""):
        host, colon, port = listen.rpartition(":")
        if not colon:
            raise _UsageError(f"SALUS_LISTEN is {listen!r}, and not like 127.0.0.1:8787")
        # Who listens on every address is reached on the local one.
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host.strip("[]"), host)  # noqa: S104
    elif (folder := environ.get("SALUS_STATE_DIR", "")) and not said:
        return f"{folder}/{_SOCKET}", int(port)
    host, port = options.get("host", host), options.get("port", port)
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise _UsageError(f"{port!r} is not a port")
    return host.strip("[]") or _DEFAULTS[0], int(port)


def _seconds(text: str) -> float:
    for unit, factor in _UNITS:
        if text.endswith(unit):
            try:
                seconds = float(text.removesuffix(unit)) * factor
            except ValueError:
                break
            if 0 < seconds < 86400:
                return seconds
            break
    raise _UsageError(f"{text!r} is not a time such as 5, 500ms or 2s")


def _place(host: str, port: int) -> str:
    if "/" in host:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _say(text: str) -> None:
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError:
        # Whoever started us does not read: the exit code is the answer. Python must not complain at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _complain(text: str) -> None:
    sys.stderr.write(f"salus health: {text}\n")
