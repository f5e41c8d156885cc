"""``salus kinds``: the reference, without leaving the terminal."""

from __future__ import annotations

from textwrap import fill
from typing import Any

import click

from salus.errors import NotFoundError, SalusError

ROOMS = {"checks": "check", "services": "service", "actions": "action", "channels": "channel"}
_WIDTH = 100


@click.command(short_help="List kinds of checks, channels and the like; explain one.")
@click.argument("kind", required=False)
def kinds(kind: str | None) -> None:
    """List every kind of check, service, action and channel; with KIND, its options.

    A name that two rooms have (a command can be a check and a service) is shown for both; checks.command asks for one.
    """
    if kind:
        _describe(kind)
    else:
        _list()


def _list() -> None:
    from salus.app import kinds as known
    from salus.cli.output import Table
    from salus.config.docstrings import summary

    for room in ROOMS:
        table = Table([room, "what it does"])
        for name in known.names(room):
            try:
                line = summary(known.options_of(room, name)).partition("\n")[0]
            except SalusError as error:
                line = f"({error})"
            except Exception:  # noqa: BLE001 - a stranger's module may raise anything, and must not hide the others
                line = "(cannot be used: salus plugins says why)"
            table.rows.append([name, _tame(line)])
        table.show()
        click.echo()
    click.echo("salus kinds NAME shows the options of one.")


def _describe(kind: str) -> None:
    from salus.app import kinds as known

    room, dot, name = kind.partition(".")
    asked = [room] if dot and room in ROOMS else list(ROOMS)
    name = name if dot and room in ROOMS else kind
    found = [one for one in asked if name in known.names(one)]
    if not found:
        from salus.config import did_you_mean

        everything = sorted({one for place in ROOMS for one in known.names(place)})
        message = f"there is no kind {kind!r}"
        raise NotFoundError(message, remedy=did_you_mean(name, everything) or "salus kinds lists them")
    for place in found:
        _describe_one(place, name, known.options_of(place, name))


def _describe_one(room: str, name: str, options: Any) -> None:
    import msgspec

    from salus.cli.output import Table
    from salus.config.docstrings import attributes, summary

    click.echo(f"{name} ({ROOMS[room]})\n")
    for paragraph in summary(options).splitlines():
        click.echo(fill(_tame(paragraph), _WIDTH) + "\n")
    described = attributes(options)
    fields = msgspec.structs.fields(options)
    if not fields:
        click.echo("It has no options.\n")
        return
    table = Table(["option", "default", "what it is"])
    for one in fields:
        table.rows.append([one.encode_name, _default(one), _tame(described.get(one.name, ""))])
    table.show()
    if options.scalar:
        click.echo(f"\nA bare value is its {options.scalar}: `{name}: ...` means `{name}: {{{options.scalar}: ...}}`.")
    click.echo()


def _tame(text: str) -> str:
    return text.replace("``", "`")


def _default(field: Any) -> str:
    import msgspec

    from salus.units import Duration, Share, Size, format_duration, format_size

    value = field.default
    if value is msgspec.NODEFAULT:
        if field.default_factory is msgspec.NODEFAULT:
            return "(required)"
        value = field.default_factory()
    if isinstance(value, Duration):
        return format_duration(value) if value else "0s"
    if isinstance(value, Size):
        return format_size(value)
    if isinstance(value, Share):
        return f"{value * 100:g}%"
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or (hasattr(value, "__len__") and not value):
        return ""
    return ", ".join(map(str, value)) if isinstance(value, tuple | list | frozenset) else str(value)
