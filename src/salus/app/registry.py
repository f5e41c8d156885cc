"""Names to kinds. Ours are listed here as dotted paths and imported when first used; others come by entry point."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module

from salus.errors import MissingExtraError, NotFoundError

CHECKS: Mapping[str, str] = {
    "alert": "salus.checks.alert:AlertCheck",
    "amqp": "salus.checks.amqp:Amqp",
    "celery": "salus.checks.celery:Celery",
    "command": "salus.checks.command:Command",
    "cpu": "salus.checks.cpu:Cpu",
    "deadlock": "salus.checks.deadlock:Deadlock",
    "directory": "salus.checks.directory:Directory",
    "disk": "salus.checks.disk:Disk",
    "dns": "salus.checks.dns:Dns",
    "event_loop": "salus.checks.event_loop:EventLoop",
    "file": "salus.checks.file:File",
    "file_descriptors": "salus.checks.file_descriptors:FileDescriptors",
    "filesystem": "salus.checks.filesystem:Filesystem",
    "function": "salus.checks.function:Function",
    "garbage_collector": "salus.checks.garbage_collector:GarbageCollector",
    "grpc": "salus.checks.grpc:Grpc",
    "heartbeat": "salus.checks.heartbeat:HeartbeatCheck",
    "http": "salus.checks.http:Http",
    "load": "salus.checks.load:Load",
    "memcached": "salus.checks.memcached:Memcached",
    "memory": "salus.checks.memory:Memory",
    "mqtt": "salus.checks.mqtt:Mqtt",
    "nats": "salus.checks.nats:Nats",
    "pool": "salus.checks.pool:Pool",
    "process": "salus.checks.process:Process",
    "process_memory": "salus.checks.process_memory:ProcessMemory",
    "prometheus": "salus.checks.prometheus:Prometheus",
    "redis": "salus.checks.redis:Redis",
    "smtp": "salus.checks.smtp:Smtp",
    "sql": "salus.checks.sql:Sql",
    "swap": "salus.checks.swap:Swap",
    "tasks": "salus.checks.tasks:Tasks",
    "tcp": "salus.checks.tcp:Tcp",
    "thread_pool": "salus.checks.thread_pool:ThreadPool",
    "threads": "salus.checks.threads:Threads",
    "tls": "salus.checks.tls:Tls",
    "tools": "salus.checks.tools:Tools",
    "websocket": "salus.checks.websocket:Websocket",
}

ACTIONS: Mapping[str, str] = {
    "call": "salus.actions.call:Call",
    "capture_evidence": "salus.actions.capture_evidence:CaptureEvidence",
    "clean_temporary_files": "salus.actions.clean_temporary_files:CleanTemporaryFiles",
    "dump_stacks": "salus.actions.dump_stacks:DumpStacks",
    "garbage_collect": "salus.actions.garbage_collect:GarbageCollect",
    "http_request": "salus.actions.http_request:HttpRequest",
    "log": "salus.actions.log:Log",
    "restart_service": "salus.actions.service:RestartService",
    "run": "salus.actions.run:Run",
    "signal_service": "salus.actions.service:SignalService",
    "start_service": "salus.actions.service:StartService",
    "stop_service": "salus.actions.service:StopService",
    "wait": "salus.actions.wait:Wait",
}

SERVICES: Mapping[str, str] = {
    "command": "salus.services.command:CommandOptions",
    "component": "salus.services.component:ComponentOptions",
    "process": "salus.services.process:ProcessOptions",
}

CHANNELS: Mapping[str, str] = {
    "alertmanager": "salus.channels.alertmanager:Alertmanager",
    "apprise": "salus.channels.apprise:Apprise",
    "console": "salus.channels.console:Console",
    "email": "salus.channels.email:Email",
    "exec": "salus.channels.exec:Exec",
    "file": "salus.channels.file:File",
    "log": "salus.channels.log:Log",
    "pagerduty": "salus.channels.pagerduty:PagerDuty",
    "slack": "salus.channels.slack:Slack",
    "webhook": "salus.channels.webhook:Webhook",
}

_ROOMS: Mapping[str, Mapping[str, str]] = {
    "checks": CHECKS,
    "actions": ACTIONS,
    "services": SERVICES,
    "channels": CHANNELS,
}
_EXTRAS: Mapping[str, str] = {
    "aiosmtplib": "email",
    "apprise": "apprise",
    "celery": "celery",
    "cryptography": "tls",
    "grpc": "grpc",
    "grpc_health": "grpc",
    "pamqp": "amqp",
    "psycopg": "postgresql",
    "pymysql": "mariadb",
    "redis": "redis",
    "websockets": "websocket",
}


def names(room: str) -> list[str]:
    """Return every name a room knows, ours and others', sorted."""
    return sorted({*_ROOMS[room], *_others(room)})


def ours(room: str, name: str) -> bool:
    """Tell whether a name is one of our own kinds."""
    return name in _ROOMS[room]


def kind(room: str, name: str) -> type:
    """Return the class behind a name.

    Args:
        room: ``checks``, ``actions``, ``services`` or ``channels``.
        name: the kind as configured.

    Raises:
        NotFoundError: nobody registered that name, or it is somebody else's and cannot be loaded.
        MissingExtraError: the kind is there and its optional dependency is not.
    """
    dotted = _ROOMS[room].get(name) or _others(room).get(name)
    if dotted is None:
        message = f"there is no kind {name!r} among the {room}"
        raise NotFoundError(message, remedy=f"known are {', '.join(names(room))}")
    module, _, attribute = dotted.partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            if ours(room, name):
                raise
            raise _unusable(room, name, error) from error
        what = f"{room.removesuffix('s')} {name!r}"
        raise MissingExtraError(what, extra=extra) from error
    except Exception as error:
        if ours(room, name):
            raise
        raise _unusable(room, name, error) from error
    if not isinstance(found, type):
        message = f"{dotted} is not a class"
        raise TypeError(message)
    return found


def _unusable(room: str, name: str, error: Exception) -> NotFoundError:
    """Say that somebody else's kind is there, and cannot be loaded."""
    said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    what = f"the {room.removesuffix('s')} {name!r} of another package cannot be loaded: {said}"
    return NotFoundError(what, remedy="`salus plugins` says whose it is")


def kinds(room: str) -> Iterable[tuple[str, type]]:
    """Yield every name with its class; imports them all (for the schema and the reference)."""
    for name in names(room):
        yield name, kind(room, name)


@cache
def _others(room: str) -> Mapping[str, str]:
    from importlib.metadata import entry_points  # one and a half MiB, for those who ask for kinds of others

    return {entry.name: entry.value for entry in entry_points(group=f"salus.{room}")}
