"""Whatever a page has typed at a console is a command of ours, with arguments that it takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from salus.cli.root import root, run
from tests.unit.docs.test_notifications_page import BASE, SECRETS, block_with

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGES = (
    "how-to/notifications.md",
    "how-to/maintenance-pauses-approvals.md",
    "how-to/tokens-and-access.md",
    "how-to/watch-in-a-terminal.md",
    "how-to/public-status-page.md",
)


def typed(page: str) -> list[list[str]]:
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("$ salus ")]
    return [shlex.split(line)[2:] for line in lines]


@pytest.mark.parametrize("words", [words for page in PAGES for words in typed(page)], ids=" ".join)
def test_what_is_typed_is_a_command_with_its_arguments(words: list[str]) -> None:
    command: click.Command = root
    context, rest = click.Context(root), list(words)
    while isinstance(command, click.Group):
        name = rest.pop(0)
        found = command.get_command(context, name)
        assert found is not None, f"there is no command {name!r}"
        command = found
    assert command.make_context(command.name, rest, parent=context).args == []


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


def test_the_routes_are_tried_as_the_page_shows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, value in SECRETS.items():
        (tmp_path / name).write_text(value, encoding="utf-8")
    config = tmp_path / "salus.yaml"
    config.write_text(BASE + block_with("web-chat:").replace("/run/secrets", str(tmp_path)), encoding="utf-8")
    page = (DOCS / "how-to/notifications.md").read_text(encoding="utf-8")
    asked, _, answer = page[page.index("$ salus routes test") :].partition("\n")
    code = run([*shlex.split(asked)[2:], "--config", str(config)])
    said = capsys.readouterr()
    assert code == 1
    assert (said.out + said.err).strip() == answer.partition("```")[0].strip()
