"""The ``redis`` check: a Redis or a Valkey, its keys, its replication, its memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from urllib.parse import urlsplit

from salus.checks._bounds import Findings, show_count
from salus.checks._kept import Kept
from salus.checks._net import failed, too_slow
from salus.checks._systems import Scheme, SystemOptions, lacking, missing, number, quoted
from salus.httpclient import HttpError
from salus.httpclient.tls import context
from salus.model import Metric, Observation
from salus.ports import Check, Look, Site
from salus.units import Amount, Duration, format_duration, format_size

if TYPE_CHECKING:
    from salus.checks._redis_line import RedisLine

_LENGTHS = {"list": "LLEN", "set": "SCARD", "zset": "ZCARD", "hash": "HLEN", "stream": "XLEN"}


class Redis(SystemOptions, frozen=True, kw_only=True):
    """Pings a Redis or a Valkey, and looks at a key, its role, its memory. Needs the extra ``redis``.

    One connection is kept from look to look; one that died is replaced within the look. A refused login is unhealthy; a
    user that may not ask what the check wants to know makes it unknown.

    A ``key`` has a value: its text, or the length of a list, set, sorted set, hash or stream. Redis forgets a list with
    its last element, so for bounds a key that is not there counts as 0.

    Metrics: ``latency_seconds`` (of the ping), ``connect_seconds`` where it connected anew, ``value``,
    ``replication_lag_seconds``, ``replicas``, ``memory_used_bytes``, ``memory_used_ratio``, ``clients``.

    Attributes:
        url: ``redis://host:port/database``, ``rediss://`` with TLS, ``unix:///path?db=0``; ``valkey://`` is the same.
        key: a key to look at; without ``expect`` and bounds it must be there.
        expect: the value of that key.
        value_above: unhealthy unless the value is more than this.
        warn_value_above: degraded unless the value is more than this.
        value_below: unhealthy unless the value is less than this.
        warn_value_below: degraded unless the value is less than this.
        role: what it must be, ``master`` or ``replica``; a replica must also have its master.
        lag_below: unhealthy unless it heard of its master, or of every replica, less long ago than this.
        warn_lag_below: degraded, likewise.
        replicas_above: unhealthy unless more replicas than this are connected to it.
        warn_replicas_above: degraded, likewise.
        memory_below: unhealthy unless it uses less memory: a size, or a share of ``maxmemory`` (of the machine's memory
            where that is not set).
        warn_memory_below: degraded, likewise.
        clients_below: unhealthy unless fewer clients are connected.
        warn_clients_below: degraded, likewise.
    """

    schemes: ClassVar[Mapping[str, Scheme]] = {
        "redis": Scheme(port=6379, host="localhost"),
        "rediss": Scheme(port=6379, host="localhost", tls=True),
        "valkey": Scheme(port=6379, host="localhost"),
        "valkeys": Scheme(port=6379, host="localhost", tls=True),
        "unix": Scheme(port=0),
    }

    url: str = "redis://localhost:6379"
    key: str | None = None
    expect: str | int | float | None = None
    value_above: float | None = None
    warn_value_above: float | None = None
    value_below: float | None = None
    warn_value_below: float | None = None
    role: Literal["master", "replica"] | None = None
    lag_below: Duration | None = None
    warn_lag_below: Duration | None = None
    replicas_above: int | None = None
    warn_replicas_above: int | None = None
    memory_below: Amount | None = None
    warn_memory_below: Amount | None = None
    clients_below: int | None = None
    warn_clients_below: int | None = None

    def problems(self) -> list[tuple[str, str]]:
        """Find what the types alone cannot tell."""
        found = [*super().problems(), *missing("redis", "redis", "redis")]
        if not any(name == "url" for name, _ in found):
            try:
                _database(self.url)
            except ValueError as error:
                found.append(("url", str(error)))
        if self.key is None and (self.expect is not None or self.bounds("value")):
            found.append(("key", "expect and the bounds of the value need a key"))
        return found

    def build(self, site: Site) -> Check:
        """Make the check.

        Raises:
            MissingExtraError: the extra ``redis`` is not installed.
        """
        if error := lacking("redis", "redis", "redis"):
            raise error
        return RedisCheck(self)


class RedisCheck:
    """A ``redis`` check, ready to look."""

    def __init__(self, options: Redis) -> None:
        """Read the options once."""
        from salus.checks._redis_line import RedisLine  # needs the extra

        self._line = RedisLine
        self._options = options
        self._redact = options.redactor()
        self._target = options.target()
        self._endpoint = self._target.endpoint
        self._database = _database(options.url)
        self._kept: Kept[RedisLine] = Kept(str(self._endpoint), self._open)

    async def look(self, look: Look) -> Observation:
        """Ping, ask and judge."""
        findings, metrics = Findings(), dict[str, Metric]()
        try:
            async with self._kept.line(look) as line:
                answered = await self._asked(line)
        except HttpError as error:
            return failed(look, error, redact=self._redact)
        metrics.update(self._kept.metrics())
        said = [f"{self._endpoint} answered in {format_duration(self._kept.alive_seconds)}"]
        if self._options.key is not None:
            said.append(self._judge_value(answered, findings, metrics))
        self._judge_server(answered, findings, metrics)
        if slow := too_slow(self._kept.alive_seconds, self._options.latency_below):
            findings.degraded(f"{self._endpoint}: {slow}")
        summary = self._kept.remark("; ".join(said))
        seen = findings.answer(look, summary, metrics=metrics)
        return replace(seen, message=self._redact(seen.message))

    async def aclose(self) -> None:
        """Let go of the kept connection."""
        await self._kept.aclose()

    async def _open(self, look: Look) -> RedisLine:
        options = self._options
        tls = None
        if self._target.tls:
            tls = (await asyncio.to_thread(context, options.tls_options()), options.server_name)
        login = (self._target.username or None, self._target.password or None, self._database)
        return await self._line.opened(self._endpoint, look, tls, login)

    async def _asked(self, line: RedisLine) -> dict[str, Any]:
        """Ask what the options want to know, and nothing else."""
        options, found = self._options, dict[str, Any]()
        if options.key is not None:
            kind = _text(await line.ask("TYPE", options.key))
            found["key"] = None
            if command := "GET" if kind == "string" else _LENGTHS.get(kind):
                found["key"] = await line.ask(command, options.key)
            elif kind != "none":
                found["key"] = f"a {kind}"
        if options.role or options.bounds("lag") or options.bounds("replicas"):
            found.update(_info(await line.ask("INFO", "replication")))
        if options.bounds("memory"):
            found.update(_info(await line.ask("INFO", "memory")))
        if options.bounds("clients"):
            found.update(_info(await line.ask("INFO", "clients")))
        return found

    def _judge_value(self, answered: Mapping[str, Any], findings: Findings, metrics: dict[str, Metric]) -> str:
        options, raw = self._options, answered["key"]
        value = raw if isinstance(raw, int) or raw is None else _text(raw)
        counted = 0.0 if value is None else number(value)
        if counted is not None:
            metrics["value"] = Metric(counted)
        shown = "not there" if value is None else quoted(value)
        if options.expect is not None and not _same(value, options.expect):
            findings.unhealthy(f"expected the key {options.key} to be {quoted(options.expect)}, it is {shown}")
        if options.bounds("value"):
            if counted is None:
                findings.unhealthy(f"expected a number in the key {options.key}, it is {shown}")
            else:
                findings.judge(options, "value", counted, f"the key {options.key} is {show_count(counted)}")
        elif options.expect is None and value is None:
            findings.unhealthy(f"expected the key {options.key}, it is not there")
        return f"{options.key} is {shown}"

    def _judge_server(self, info: Mapping[str, Any], findings: Findings, metrics: dict[str, Metric]) -> None:
        options = self._options
        if options.role or options.bounds("lag") or options.bounds("replicas"):
            self._judge_replication(info, findings, metrics)
        if options.bounds("memory"):
            used = int(info.get("used_memory", 0))
            whole = int(info.get("maxmemory", 0)) or int(info.get("total_system_memory", 0))
            metrics["memory_used_bytes"] = Metric(used, "bytes")
            if whole:
                metrics["memory_used_ratio"] = Metric(used / whole, "ratio")
            said = f"{format_size(used)} of memory used" + (f" of {format_size(whole)}" if whole else "")
            findings.judge(options, "memory", used, said, show=format_size, whole=whole)
        if options.bounds("clients"):
            clients = int(info.get("connected_clients", 0))
            metrics["clients"] = Metric(clients)
            findings.judge(options, "clients", clients, f"{clients} clients connected")

    def _judge_replication(self, info: Mapping[str, Any], findings: Findings, metrics: dict[str, Metric]) -> None:
        options, master = self._options, info.get("role") == "master"
        if options.role and (options.role == "master") != master:
            findings.unhealthy(f"expected a {options.role}, {self._endpoint} is a {'master' if master else 'replica'}")
        replicas = [_replica(value) for name, value in info.items() if name.startswith("slave") and "lag=" in value]
        metrics["replicas"] = Metric(len(replicas))
        findings.judge(options, "replicas", len(replicas), f"{len(replicas)} replicas connected")
        if not master and info.get("master_link_status") != "up":
            since = int(info.get("master_link_down_since_seconds", -1))
            ago = f" for {format_duration(since)}" if since > 0 else ""
            findings.unhealthy(f"the link to its master {info.get('master_host')} is down{ago}")
            return
        lags = [float(each["lag"]) for each in replicas] if master else [float(info["master_last_io_seconds_ago"])]
        if lags:
            metrics["replication_lag_seconds"] = Metric(max(lags), "seconds")
            who = "a replica" if master else "its master"
            said = f"{who} was last heard of {format_duration(max(lags))} ago"
            findings.judge(options, "lag", max(lags), said, show=format_duration)


def _database(url: str) -> int:
    """Return the number of the database in a URL, from its path or its query."""
    parts = urlsplit(url)
    query = dict(pair.partition("=")[::2] for pair in parts.query.split("&") if pair)
    unknown = sorted(set(query) - {"db"})
    if unknown:
        raise ValueError(f"there is no {unknown[0]!r} in the query of that URL: only db, the rest are options")
    text = query.get("db") or ("" if parts.scheme == "unix" else parts.path.strip("/"))
    if text and not text.isdecimal():
        raise ValueError("the path of that URL must be the number of a database, as in redis://host:6379/0")
    return int(text or 0)


def _info(raw: Any) -> dict[str, str]:
    lines = _text(raw).splitlines()
    return dict(line.partition(":")[::2] for line in lines if ":" in line and not line.startswith("#"))


def _replica(raw: str) -> dict[str, str]:
    return dict(pair.partition("=")[::2] for pair in raw.split(","))


def _text(raw: Any) -> str:
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)


def _same(value: str | int | None, wanted: str | float) -> bool:
    if value is None:
        return False
    if isinstance(wanted, str):
        return str(value) == wanted
    return number(value) == wanted
