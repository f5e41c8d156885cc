"""Real servers, each started once for all tests: on a free port of loopback, in its own folder, ended by its pid."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.acceptance.salus_process import free_port
from tests.certificates import Identity
from tests.servers.programs import Program, answers, command, running

PASSWORD = "correct horse battery"
RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


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
    server = [command("nats-server", "nats-server"), "-c", str(folder / "nats.conf")]
    with running(Program(server, folder / "nats.log", lambda: answers(port))):
        yield port


# ── MQTT ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def mosquitto(folder: Path, port: int, tls: Identity | None = None) -> Iterator[int]:
    """Run one: `salus` may do everything, `mute` may read and not write, `deaf` may write and not read."""
    server, maker = command("mosquitto", "mosquitto"), command("mosquitto_passwd", "mosquitto")
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
    with running(Program([server, "-c", str(folder / "mosquitto.conf")], log, lambda: answers(port))):
        yield port


# ── RabbitMQ ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Rabbit:
    """A RabbitMQ that runs.

    Attributes:
        port: where it listens.
        program: what runs.
    """

    def __init__(self, port: int, program: Program) -> None:
        self.port = port
        self.program = program

    def memory_limit(self, share: float) -> None:
        """Set the share of memory above which it takes no more messages; a tiny one raises the alarm at once."""
        self.program.say(f"vm_memory_monitor:set_vm_memory_high_watermark({share:f}).\n")


@contextmanager
def rabbitmq(folder: Path) -> Iterator[Rabbit]:
    """Begin to run one without plugins, with a shell on its input; whoever needs it waits for it.

    The user `salus` may do everything, `reader` may not publish, `least` may do what the documentation asks for.
    """
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
    epmd = [command("epmd", "erlang-base"), "-port", str(names)]
    rabbit = Rabbit(port, Program([str(RABBITMQ)], folder / "rabbitmq.log", lambda: answers(port), environ=environ))
    # Its own registry of nodes: RabbitMQ would start one that outlives it.
    with running(Program(epmd, folder / "epmd.log", lambda: answers(names), environ=environ)):
        rabbit.program.begin()
        try:
            yield rabbit
        finally:
            rabbit.program.stop()


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
    server = [
        command("prometheus", "prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with running(Program(server, folder / "prometheus.log", lambda: _ready(port))):
        yield port


def _ready(port: int) -> bool:
    """Tell whether it has loaded what it keeps: before that it answers nothing."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5) as answer:
            return int(answer.status) == 200
    except OSError:
        return False
