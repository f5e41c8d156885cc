"""What a page types at a console: is it there, and does it print what the page says?"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click

from tests.pages import ROOT, Block

# What a reader may be asked to type beside `salus`: it is on every Linux, or the page says where it comes from.
PROGRAMS = frozenset(
    [
        ".",
        "cat",
        "cd",
        "chmod",
        "cp",
        "curl",
        "docker",
        "echo",
        "exit",
        "export",
        "grep",
        "gunicorn",
        "kill",
        "kubectl",
        "ls",
        "mkdir",
        "mv",
        "nc",
        "openssl",
        "pkill",
        "promtool",
        "python",
        "python3",
        "rm",
        "sh",
        "sleep",
        "tail",
        "touch",
        "uvicorn",
        "watch",
    ]
)
_OPERATORS = re.compile(r"[|&;<>()]+")
_ASSIGNMENT = re.compile(r"\w+=.*")
_SAME = (  # what differs from one run to the next, in the order in which it is looked for
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "<time>"),
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{8,32}\b"), "<id>"),
    (re.compile(r"(\b\d+(\.\d+)? ?(ns|µs|us|ms|s|min|h|d)\b)+"), "<duration>"),
    (re.compile(r"duration_seconds=[\d.e-]+s?"), "duration_seconds=<number>"),
    (re.compile(r"\b(pid|process) \d+"), r"\1 <pid>"),
    (re.compile(r"[ \t]+"), " "),
)


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
        elif not _OPERATORS.fullmatch(word):
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
    for extras in re.findall(r"salus\[([^\]]+)\]", " ".join(words)):
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


# ── Run for real ──────────────────────────────────────────────────────────────────────────────────────────────────────


def run(block: Block, folder: Path) -> None:
    """Run what a block types, one line after the other, and hold what is printed against the page.

    Raises:
        AssertionError: something else is printed.
    """
    code = 0
    for one in typed(block):
        code, printed = _run(one.line, code, folder)
        if block.language == "console":
            assert agree(one.printed, printed), f"$ {one.line}\nprints (and ends with {code}):\n" + "\n".join(printed)
        else:
            assert code == 0, f"{one.line} ends with {code}:\n" + "\n".join(printed)


def agree(expected: list[str], printed: list[str]) -> bool:
    """Tell whether lines are the same but for times, ids and where the page says ``...``."""
    pattern = ""
    for line in expected:
        if line.strip() == "...":
            pattern += r"(?:[^\n]*\n)*?"
        else:
            pattern += r"[^\n]*".join(re.escape(_evened(part)) for part in line.split("...")) + "\n"
    return re.fullmatch(pattern, "".join(f"{_evened(line)}\n" for line in printed)) is not None


def _evened(line: str) -> str:
    line = line.rstrip()
    for pattern, instead in _SAME:
        line = pattern.sub(instead, line)
    return line


def _run(line: str, code: int, folder: Path) -> tuple[int, list[str]]:
    """Run a line; a plain command of ours in a fork, which has loaded it already, the rest in a shell."""
    words = shlex.split(line, comments=True)
    plain = words[0] == "salus" and not _OPERATORS.search(re.sub(r"'[^']*'|\"[^\"]*\"", "", line)) and "$" not in line
    if plain:
        return _ours(words[1:])
    done = subprocess.run(
        ["sh", "-c", f"(exit {code}); {line}"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout.splitlines()


def _ours(arguments: list[str]) -> tuple[int, list[str]]:
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            code = 70
            try:
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
                from salus.cli.root import run as ours

                code = ours(arguments)
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        output.seek(0)
        return code, output.read().splitlines()
