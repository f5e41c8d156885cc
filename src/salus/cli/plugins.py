"""``salus plugins``: what other packages offer, and whether it can be used."""

from __future__ import annotations

import click

from salus.cli.common import json_option


@click.command(short_help="List what other packages offer, and whether it can be used.")
@json_option
def plugins(as_json: bool) -> int:
    """List the checks, services, actions and channels that other installed packages offer.

    Each is loaded, as using it would, so that this also says what cannot be used, and why. Exit code: 1 if there is
    any such.
    """
    from dataclasses import asdict

    from salus.app.plugins import plugins as every

    found = every()
    broken = [one for one in found if one.problem]
    if as_json:
        import json

        click.echo(json.dumps([asdict(one) for one in found], indent=2, ensure_ascii=False))
        return int(bool(broken))
    if not found:
        click.echo("no other package offers anything (entry points salus.checks, .services, .actions and .channels)")
        return 0
    from salus.cli.kinds import ROOMS
    from salus.cli.output import Table

    table = Table(["room", "kind", "package", "what it does"])
    for one in found:
        about = f"NOT USABLE: {one.problem}" if one.problem else one.summary.replace("``", "`")
        table.rows.append([ROOMS[one.room], one.kind, f"{one.package} {one.version}".strip() or one.target, about])
    table.show()
    for one in broken:
        click.echo(f"salus: {ROOMS[one.room]} {one.kind} ({one.target}): {one.problem} ({one.remedy})", err=True)
    return int(bool(broken))
