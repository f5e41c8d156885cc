"""What ``salus init`` writes: a first config for a machine, commented. The same machine gets the same text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from salus.config.machine import Disk, Listener, Machine, Unit, describe_machine
from salus.config.scalars import plain_value
from salus.units import format_size

__all__ = ["Machine", "describe_machine", "write_config"]

_PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./@+-]*")
_EVERYWHERE = frozenset({"0.0.0.0", "::", ""})  # noqa: S104  what programs listen on, not we

Row = tuple[str, str]
"""A line of YAML and the comment after it."""


def write_config(machine: Machine) -> str:
    """Write a config that ``salus validate`` accepts.

    It looks at what is there and heals nothing until a person turns a rule on. It holds no secret.

    Args:
        machine: what ``describe_machine`` saw.

    Returns:
        YAML.
    """
    names = _Names()
    return "\n".join(
        [
            *_head(machine),
            *_services(_watched(machine)),
            *_checks(machine, names),
            *_rules(_watched(machine)),
            *_limits(),
            *_alerts(),
        ]
    )


def _head(machine: Machine) -> Iterator[str]:
    state = "/var/lib/salus" if machine.root else "./.salus"
    host = _comment(machine.hostname)
    size = f"{machine.cores} cores, {format_size(machine.memory)} of memory"
    yield f"# Salus on {host} ({size}), as `salus init` found it."
    yield "# Try it: salus validate, then salus check --all, then salus run. It is read again after a SIGHUP."
    yield "# Durations: 500ms, 30s, 5m, 1h30m. Sizes: 512MiB, 1GB. Shares: 10%. Variables: ${NAME}, ${NAME:-default}."
    yield ""
    yield "salus:"
    yield from _aligned(
        2,
        [
            ("listen: 127.0.0.1:8787", "health endpoints: /livez, /readyz, /health"),
            (f"state_dir: {state}", "the ledger of what happened, and the logs of services"),
            ("environment: production", "a word for people, shown in /health"),
        ],
    )
    yield ""
    yield "defaults:"
    yield "  # for every check that does not say otherwise"
    yield from _aligned(
        2,
        [
            ("interval: 30s", "from the start of one look to the start of the next"),
            ("timeout: 10s", "a look that takes longer has failed"),
            ("retry_interval: 2s", "from the first bad look to the next, until the verdict"),
            ("failure_threshold: 2", "bad looks in a row before anything is called bad"),
        ],
    )
    yield ""


def _services(units: Sequence[Unit]) -> Iterator[str]:
    yield "# What can be started, stopped and restarted."
    if not units:
        yield "services: {}"
        yield "# services:"
        yield "#   web:"
        yield "#     process:                                # a child that Salus runs itself"
        yield '#       command: [python3, -m, http.server, "8000", --bind, 127.0.0.1]'
        yield ""
        return
    yield "services:"
    for unit in units:
        yield f"  {_name(unit.name)}:"
        yield "    command:"
        rows: list[Row] = [
            (f"{verb}: [systemctl, {verb}, {_text(unit.name)}]", "") for verb in ("start", "stop", "restart")
        ]
        rows.append((f"status: [systemctl, is-active, --quiet, {_text(unit.name)}]", "exits with 0 while it runs"))
        rows.append(("autostart: false", "systemd starts it"))
        yield from _aligned(6, rows)
    yield ""


def _checks(machine: Machine, names: _Names) -> Iterator[str]:
    yield "checks:"
    yield "  # The host itself. No rule heals it: a full disk wants a person, or a rule that cleans one folder."
    for disk in machine.disks:
        yield from _disk(disk, names)
    rows: list[Row] = [("memory: {warn_available_above: 10%, available_above: 3%}", "without swapping")]
    yield from _check(names.take("memory"), rows)
    if machine.swap:
        swap = format_size(machine.swap)
        rows = [("swap: {warn_used_below: 60%, used_below: 90%}", f"of {swap}")]
        yield from _check(names.take("swap"), rows)
    rows = [("load: {warn_load5_below: 2.0, load15_below: 8.0}", "for each core; 1.0 is as much as it can do")]
    yield from _check(names.take("load"), rows)
    units = {unit.program: unit.name for unit in machine.units}
    if machine.listeners:
        yield ""
        yield "  # What listens. A connection says little: where a program speaks HTTP, an http check sees more:"
        yield '  #   http: {url: "http://127.0.0.1:8000/health", status: 200, latency_below: 500ms}'
        for listener in machine.listeners:
            yield from _listener(listener, units.get(listener.program, ""), names)
    if machine.pid_files:
        yield ""
        yield "  # Daemons that left their process number below /run."
        for pid_file in machine.pid_files:
            rows = [(f"process: {{pid_file: {_text(pid_file.path)}}}", "it runs")]
            rows += _healed_by(units.get(pid_file.program, ""))
            yield from _check(names.take(f"{pid_file.program}-runs"), rows)
    if machine.docker:
        yield ""
        yield "  # Docker answers at its socket."
        rows = [(f'http: {{url: "http://docker/_ping", unix_socket: {_text(machine.docker)}}}', "")]
        yield from _check(names.take("docker"), rows)
    yield ""


def _disk(disk: Disk, names: _Names) -> Iterator[str]:
    size = f"{format_size(disk.total)} {_comment(disk.filesystem)}".strip()
    inodes = ", inodes_free_above: 5%" if disk.inodes else ""
    rows = [(f"disk: {{path: {_text(disk.path)}, warn_free_above: 10%, free_above: 5%{inodes}}}", f"{size}")]
    name = "disk-root" if disk.path == "/" else f"disk-{disk.path}"
    rows.append(("interval: 1m", "disks fill slowly"))
    yield from _check(names.take(name), rows)


def _listener(listener: Listener, unit: str, names: _Names) -> Iterator[str]:
    host = listener.address
    if host in _EVERYWHERE:
        host = "::1" if host == "::" else "127.0.0.1"
    program = listener.program or "port"
    rows: list[Row] = [
        (f"tcp: {{host: {_text(host)}, port: {listener.port}}}", "it takes connections"),
        ("timeout: 3s", ""),
    ]
    rows += _healed_by(unit)
    yield from _check(names.take(f"{program}-{listener.port}"), rows)


def _healed_by(unit: str) -> list[Row]:
    if not unit:
        return []
    return [(f"service: {_text(unit)}", "what a recovery of this check heals"), (f"tags: [{_text(unit)}]", "")]


def _watched(machine: Machine) -> tuple[Unit, ...]:
    """Return the units that some check looks at, one for each program: a rule needs a check."""
    programs = {one.program for one in machine.listeners} | {one.program for one in machine.pid_files}
    units = {unit.program: unit for unit in machine.units}
    return tuple(unit for program, unit in units.items() if program in programs)


def _check(name: str, rows: Sequence[Row]) -> Iterator[str]:
    yield f"  {name}:"
    yield from _aligned(4, rows)


def _rules(units: Sequence[Unit]) -> Iterator[str]:
    yield "# When to act, how, and how often. A rule is named after its check, unless it has `check:` or `tags:`."
    if not units:
        yield "rules: {}"
        yield "# rules:"
        yield "#   disk-root:"
        yield "#     trigger_on: unhealthy                   # not when it is merely degraded"
        yield "#     actions:"
        yield "#       - clean_temporary_files: {folders: [/var/tmp/myapp], older_than: 7d}"
        yield ""
        return
    yield "rules:"
    for unit in units:
        yield f"  {_name(f'restart-{unit.name}')}:"
        yield from _aligned(
            4,
            [
                ("enabled: false", "turn it on once you trust the check"),
                (f"tags: [{_text(unit.name)}]", "one rule for each check with this tag"),
                ("trigger_on: unhealthy", "not when it is merely degraded"),
                ("min_failure_count: 3", "bad looks in a row"),
                ("recovery_timeout: 2m", "for one attempt, verification included"),
                ("verify_timeout: 30s", "the check must pass within this after each step"),
                ("cooldown_period: 5m", "between attempts"),
                ("max_recovery_attempts: 2", "then a person is wanted"),
                ("actions: [log, capture_evidence, restart_service]", "in this order, until the check passes"),
            ],
        )
    yield ""


def _limits() -> Iterator[str]:
    yield "# The blast radius of everything together."
    yield "limits:"
    yield from _aligned(
        2,
        [
            ("recoveries_at_once: 1", ""),
            ("recoveries_per_hour: 6", ""),
            ("storm_brake: 50%", "this share of checks turning bad together stops all healing"),
        ],
    )
    yield ""


def _alerts() -> Iterator[str]:
    yield "# Who is told. Until a channel stands here, everything goes to Salus' own log."
    yield "# alerts:"
    yield "#   channels:"
    yield '#     ops: {webhook: {url: "https://hooks.example.org/salus"}}'
    yield "#   rules:"
    yield "#     memory-low: {check: memory, metric: available_ratio, below: 5%, for: 5m, level: warning}"
    yield "#   routes:"
    yield "#     - {match: 'level=\"critical\"', channels: [ops], repeat_interval: 1h}"
    yield "#     - {channels: [ops]}                    # whatever no route above takes"
    yield ""


# ── Writing YAML ──────────────────────────────────────────────────────────────────────────────────────────────────────


class _Names:
    """Gives names that config accepts, each once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, wanted: str) -> str:
        """Return a name like the wanted one."""
        base = re.sub(r"[^A-Za-z0-9_]+", "-", wanted).strip("-")[:80] or "check"
        name, number = base, 1
        while name in self._taken:
            number += 1
            name = f"{base}-{number}"
        self._taken.add(name)
        return _name(name)


def _aligned(indent: int, rows: Iterable[Row]) -> Iterator[str]:
    """Write lines with their comments in one column."""
    written = list(rows)
    width = max((len(line) for line, comment in written if comment), default=0)
    for line, comment in written:
        yield f"{' ' * indent}{line:<{width}}  # {comment}" if comment else f"{' ' * indent}{line}"


def _name(text: str) -> str:
    """Write a key, in quotes where it could be read as something else."""
    return text if _means_itself(text) else _quoted(text)


def _text(text: str) -> str:
    """Write a value, in quotes where it is not plain text; nothing in it is a variable."""
    return text if _PLAIN.fullmatch(text) and _means_itself(text) else _quoted(text.replace("$", "$$"))


def _quoted(text: str) -> str:
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08X}"


def _means_itself(text: str) -> bool:
    return isinstance(plain_value(text), str) and not text.isdigit()


def _comment(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
