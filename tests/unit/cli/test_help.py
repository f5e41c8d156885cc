"""What ``--help`` says."""

from __future__ import annotations

import click
import pytest

from salus.cli.root import COMMANDS, root


def groups() -> list[click.Group]:
    context = click.Context(root)
    commands = [root.get_command(context, name) for name in COMMANDS]
    return [root, *(one for one in commands if isinstance(one, click.Group))]


@pytest.mark.parametrize("group", groups(), ids=lambda group: group.name or "salus")
def test_no_command_is_told_in_half_a_sentence_on_a_narrow_terminal(group: click.Group) -> None:
    listed = group.get_help(click.Context(group, info_name="salus", terminal_width=80))
    assert not [line for line in listed.split("Commands:")[1].splitlines() if line.endswith("...")]
