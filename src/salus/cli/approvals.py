"""``salus approve``, ``salus reject``: answer a rule that waits for a person."""

from __future__ import annotations

from pathlib import Path

import click

from salus.cli.common import config_option, find_state_dir, json_option, state_dir_option


@click.command(short_help="Allow what a rule waits for.")
@click.argument("question", metavar="ID|RULE")
@click.argument("note", nargs=-1)
@config_option
@state_dir_option
@json_option
def approve(question: str, note: tuple[str, ...], config: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """Allow the one recovery that a rule in the mode approve asks for; salus status lists who asks.

    The rule acts at once, if the trouble is still there. It asks again before the next attempt.

    Example: salus approve web looks right to me
    """
    told = _answer(question, "approve", note, config, state_dir)
    if as_json:
        _show_json(told)
    else:
        click.echo(f"approved{_by(told)}: {question} may act until {_local(told['expires_at'])}")


@click.command(short_help="Forbid what a rule waits for.")
@click.argument("question", metavar="ID|RULE")
@click.argument("note", nargs=-1)
@config_option
@state_dir_option
@json_option
def reject(question: str, note: tuple[str, ...], config: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """Forbid what a rule in the mode approve asks for.

    The rule does not ask again until its check was well in between, or somebody says salus reset.

    Example: salus reject web we are looking at it ourselves
    """
    told = _answer(question, "reject", note, config, state_dir)
    if as_json:
        _show_json(told)
    else:
        click.echo(f"rejected{_by(told)}: {question} does nothing until its check was well, or `salus reset`")


def _answer(
    question: str, verb: str, note: tuple[str, ...], config: Path | None, state_dir: Path | None
) -> dict[str, object]:
    from salus.cli.client import Client

    return Client(find_state_dir(config, state_dir)).act("approvals", question, verb, {"note": " ".join(note)})


def _by(told: dict[str, object]) -> str:
    return f" by {told['by']}" if told["by"] else ""


def _local(text: object) -> str:
    from salus.cli.output import local, parse_instant

    return local(parse_instant(text))


def _show_json(told: object) -> None:
    from salus.surfaces import wire

    click.echo(wire.pretty(told))
