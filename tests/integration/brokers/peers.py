"""Real servers, each started once for all tests: on a free port of loopback, in its own folder, ended by its pid."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.certificates import Identity

PASSWORD = "correct horse battery"
PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin"])
RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


def program(name: str) -> str:
    """Return where a program is, or skip."""
    found = shutil.which(name, path=PATH)
    if found is None:
        pytest.skip(f"not on this platform: there is no {name} (scripts/install-test-peers)")
    return found


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str], log: Path, *, environ: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in a process group of its own, with a pipe to its input."""
    if keeper := shutil.which("setpriv", path=PATH):  # tests that are killed leave no server behind
        command = [keeper, "--pdeathsig", "KILL", *command]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PATH": PATH, **(environ or {})},
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):  # it has ended by itself
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def listening(port: int, process: subprocess.Popen[bytes], log: Path, *, within: float = 45) -> None:
    """Wait until a server takes connections."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
        break
    pytest.fail(f"{process.args!r} did not start: {log.read_text(errors='replace')[-2000:]}")


# ── NATS ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def nats(folder: Path, port: int, tls: Identity | None = None) -> Iterator[int]:
    """Run one with JetStream: `salus` may do everything, `poor` may not ask JetStream."""
    users = [
        {"user": "salus", "password": PASSWORD},
        {"user": "poor", "password": PASSWORD, "permissions": {"publish": "no.thing", "subscribe": "_INBOX.>"}},
    ]
    config: dict[str, object] = {
        "listen": f"127.0.0.1:{port}",
        "jetstream": {"store_dir": str(folder / "jetstream")},
        "authorization": {"users": users},
    }
    if tls is not None:
        config["tls"] = {"cert_file": str(tls.certificate), "key_file": str(tls.key)}
    (folder / "nats.conf").write_text(json.dumps(config))
    log = folder / "nats.log"
    with running([program("nats-server"), "-c", str(folder / "nats.conf")], log) as process:
        listening(port, process, log)
        yield port


# ── MQTT ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def mosquitto(folder: Path, port: int, tls: Identity | None = None) -> Iterator[int]:
    """Run one: `salus` may do everything, `mute` may read and not write, `deaf` may write and not read."""
    server, maker = program("mosquitto"), program("mosquitto_passwd")
    for number, user in enumerate(("salus", "mute", "deaf")):
        options = ["-c"] if number == 0 else []
        subprocess.run([maker, "-b", *options, str(folder / "users"), user, PASSWORD], check=True, capture_output=True)
    (folder / "acl").write_text("user salus\ntopic #\nuser mute\ntopic read #\nuser deaf\ntopic write #\n")
    config = [
        f"listener {port} 127.0.0.1",
        "allow_anonymous false",
        f"password_file {folder / 'users'}",
        f"acl_file {folder / 'acl'}",
        "persistence false",
        *([f"certfile {tls.certificate}", f"keyfile {tls.key}"] if tls is not None else []),
        *(["user root"] if os.getuid() == 0 else []),
    ]
    (folder / "mosquitto.conf").write_text("\n".join(config) + "\n")
    log = folder / "mosquitto.log"
    with running([server, "-c", str(folder / "mosquitto.conf")], log) as process:
        listening(port, process, log)
        yield port


# ── RabbitMQ ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Rabbit:
    """A RabbitMQ that runs.

    Attributes:
        port: where it listens.
    """

    def __init__(self, port: int, process: subprocess.Popen[bytes]) -> None:
        self.port = port
        self._process = process

    def memory_limit(self, share: float) -> None:
        """Set the share of memory above which it takes no more messages; a tiny one raises the alarm at once."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"vm_memory_monitor:set_vm_memory_high_watermark({share:f}).\n".encode())
        self._process.stdin.flush()


@contextmanager
def rabbitmq(folder: Path) -> Iterator[Rabbit]:
    """Run one without plugins, with a shell on its input: `salus` may do everything, `reader` may not publish."""
    if not RABBITMQ.exists():
        pytest.skip("not on this platform: there is no RabbitMQ (scripts/install-test-peers)")
    port, names, distribution = free_port(), free_port(), free_port()
    everything = {"vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}
    definitions = {
        "vhosts": [{"name": "/"}],
        "users": [{"name": name, "password": PASSWORD, "tags": ""} for name in ("salus", "reader", "least")],
        "permissions": [
            {"user": "salus", **everything},
            {"user": "reader", **everything, "configure": "", "write": ""},
            {"user": "least", "vhost": "/", "configure": "^$", "write": r"^amq\.default$", "read": "^$"},
        ],
        "queues": [{"name": "orders", "vhost": "/", "durable": True, "auto_delete": False, "arguments": {}}],
    }
    (folder / "definitions.json").write_text(json.dumps(definitions))
    (folder / "rabbitmq.conf").write_text(
        f"listeners.tcp.1 = 127.0.0.1:{port}\nload_definitions = {folder / 'definitions.json'}\nlog.console = false\n"
    )
    (folder / "enabled_plugins").write_text("[].")
    environ = {
        "HOME": str(folder),
        "ERL_EPMD_PORT": str(names),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": "salus@localhost",
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
        "RABBITMQ_ALLOW_INPUT": "true",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
    }
    log = folder / "rabbitmq.log"
    with ExitStack() as stack:
        # Its own registry of nodes: RabbitMQ would start one that outlives it.
        stack.enter_context(running([program("epmd"), "-port", str(names)], folder / "epmd.log", environ=environ))
        process = stack.enter_context(running([str(RABBITMQ)], log, environ=environ))
        listening(port, process, log)
        yield Rabbit(port, process)


# ── Prometheus ────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def prometheus(folder: Path) -> Iterator[int]:
    """Run one that scrapes nothing; its rules make two series with known values."""
    port = free_port()
    rules = [
        {"record": "queue_depth", "expr": "vector(7)", "labels": {"queue": "orders"}},
        {"record": "queue_depth", "expr": "vector(3)", "labels": {"queue": "mails"}},
    ]
    groups = [{"name": "known", "interval": "100ms", "rules": [rules[0]]}]
    groups.append({"name": "also known", "interval": "100ms", "rules": [rules[1]]})
    (folder / "rules.yml").write_text(json.dumps({"groups": groups}))
    (folder / "prometheus.yml").write_text(json.dumps({"rule_files": [str(folder / "rules.yml")]}))
    log = folder / "prometheus.log"
    command = [
        program("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with running(command, log) as process:
        listening(port, process, log)
        while not _ready(port):
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
        yield port


def _ready(port: int) -> bool:
    """Tell whether it has loaded what it keeps: before that it answers nothing."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5) as answer:
            return int(answer.status) == 200
    except OSError:
        return False
