"""The commands that a page names in its sentences are there; those in its blocks tests/integration/docs tries."""

from __future__ import annotations

import re
from pathlib import Path

import click

from salus.cli.root import root

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_the_commands_that_the_page_on_notifications_names_exist() -> None:
    text = (DOCS / "how-to/notifications.md").read_text(encoding="utf-8") + (
        DOCS / "explanation/how-salus-tells.md"
    ).read_text(encoding="utf-8")
    for line in sorted(set(re.findall(r"`salus ([a-z]+(?: [a-z]+)?)", text))):
        command: click.Command | None = root
        for name in line.split():
            if not isinstance(command, click.Group):
                break
            command = command.get_command(click.Context(root), name)
            assert command is not None, line
