"""What a page types at a console: is it there, and does it take its arguments?"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click

from tests.pages import ROOT, Block

# What a reader may be asked to type beside `salus`: it is on every Linux, or the page says where it comes from.
_SHELL = frozenset((".", "cd", "echo", "exit", "export", "kill", "pkill", "sh", "sleep", "watch"))
_FILES = frozenset(("cat", "chmod", "cp", "grep", "ls", "mkdir", "mv", "rm", "tail", "touch", "wc"))
_OTHERS = frozenset(("curl", "docker", "kubectl", "nc", "openssl", "promtool", "python", "python3", "rabbitmqctl"))
PROGRAMS = _SHELL | _FILES | _OTHERS
OPERATORS = re.compile(r"[|&;<>()]+")
_ASSIGNMENT = re.compile(r"\w+=.*")


@dataclass(slots=True)
class Typed:
    """A line that is typed, and what is printed then.

    Attributes:
        line: what is typed.
        printed: what the page says that it prints.
    """

    line: str
    printed: list[str] = field(default_factory=list)


def typed(block: Block) -> Iterator[Typed]:
    """Yield what a block types; in a block of ``sh`` every line is, in a console what begins with ``$``."""
    lines = re.sub(r"\\\n\s*", "", block.text).splitlines()
    if block.language != "console":
        yield from (Typed(line) for line in lines if line.strip() and not line.startswith("#"))
        return
    last: Typed | None = None
    for line in lines:
        if line.startswith("$ "):
            if last is not None:
                yield last
            last = Typed(line[2:])
        elif last is not None:
            last.printed.append(line)
    if last is not None:
        yield last


def commands(line: str) -> Iterator[list[str]]:
    """Yield the commands of a line, without where their output goes and without what is set for them."""
    reader = shlex.shlex(line, posix=True, punctuation_chars=True)
    reader.whitespace_split = True
    words: list[str] = []
    skip = False
    for word in [*reader, ";"]:
        if skip:
            skip = False
        elif not OPERATORS.fullmatch(word):
            words.append(word)
        elif "<" in word or ">" in word:
            skip = not word.endswith("&")
            if words and words[-1].isdigit():
                words.pop()
        else:
            while words and _ASSIGNMENT.fullmatch(words[0]):
                words.pop(0)
            if words:
                yield words
            words = []


def look_at(line: str, folder: Path) -> None:
    """See that whatever a line calls is there, and takes its arguments.

    Args:
        line: what is typed.
        folder: where the files of the page are.

    Raises:
        AssertionError: it does not.
    """
    for program, *arguments in commands(line):
        match Path(program).name, arguments:
            case "salus", [_, *_]:
                _is_ours(arguments)
            case "salus", _:
                pass
            case "make", _:
                _are_made(arguments)
            case (("pip" | "pip3"), ["install", *wanted]):
                _are_extras(wanted)
            case (("python" | "python3"), ["-m", "pip", "install", *wanted]):
                _are_extras(wanted)
            case (("uvicorn" | "gunicorn"), _):
                _is_served(arguments, folder)
            case name, _:
                written = (folder / program).exists() or (ROOT / program).exists()
                assert written or name in PROGRAMS, f"what is {name!r}? Add it to PROGRAMS if everybody has it"


def _is_ours(words: list[str]) -> None:
    """Walk through the groups to the command, and let it read its arguments."""
    from salus.cli.root import root

    command: click.Command = root
    context, rest = click.Context(root), list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        found = command.get_command(context, rest.pop(0))
        assert found is not None, f"there is no command 'salus {shlex.join(words)}'"
        command = found
    try:
        left = command.make_context(command.name, rest, parent=context).args
    except click.exceptions.Exit:  # --help, --version
        return
    except click.ClickException as error:
        raise AssertionError(f"salus {shlex.join(words)}: {error.format_message()}") from error
    assert left == [], f"salus {shlex.join(words)}: {left} is too much"


def _are_made(words: list[str]) -> None:
    there = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    wanted = {word for word in words if "=" not in word}
    assert wanted <= there, f"make knows nothing of {wanted - there}"


def _are_extras(words: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extras in re.findall(r"(?:salus|\.)\[([^\]]+)\]", " ".join(words)):
        unknown = set(extras.split(",")) - set(project["optional-dependencies"])
        assert not unknown, f"there is no extra {unknown}"


def _is_served(words: list[str], folder: Path) -> None:
    served = next((word for word in words if re.fullmatch(r"[\w.]+:\w+(\(\))?", word)), None)
    assert served is not None, f"{words} serves nothing"
    module, _, name = served.partition(":")
    path = folder / f"{module.replace('.', '/')}.py"
    there = path if path.exists() else ROOT / path.relative_to(folder)
    assert there.exists(), f"the page has no {module}.py, which is served"
    assert re.search(rf"\b{name.removesuffix('()')}\b", there.read_text(encoding="utf-8")), (
        f"{there.name} has no {name}"
    )
