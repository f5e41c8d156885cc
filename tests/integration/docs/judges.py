"""Reads a page as its reader would: block after block, in one folder, and each is what it says it is."""

from __future__ import annotations

import importlib
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
import tomllib
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from salus.app import registry
from salus.app.build import resolve
from salus.conditions import compile_condition
from salus.config import load
from salus.errors import ConfigError
from tests.acceptance.salus_process import free_port
from tests.integration.docs import typed
from tests.integration.docs.console import Console
from tests.integration.docs.given import GIVEN, Given
from tests.integration.docs.manifests import KINDS
from tests.pages import ROOT, Block

_STEPS = frozenset(("ADD", "COPY", "RUN", "WORKDIR", "ENV", "ARG", "USER"))
_INSTRUCTIONS = _STEPS | {"CMD", "ENTRYPOINT", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "STOPSIGNAL", "VOLUME"}


# Pages that were written while only blocks below it were run say `runnable`.
_MARKS = frozenset(("run", "runnable", "wrong", "beside code"))


class Reader:
    """Sits in the folder of a page and tries what the page shows."""

    def __init__(self, page: str, folder: Path) -> None:
        """Enter the folder, which must be empty; it is where files of the page are written and modules are found."""
        self.folder = folder
        self.given = GIVEN.get(page, Given())
        for name, content in self.given.files.items():
            self._write(name, content)
        os.chdir(folder)
        for name in ("STATE_DIRECTORY", "XDG_STATE_HOME", "SALUS_CONFIG"):
            os.environ.pop(name, None)
        ours, served = free_port(), free_port()
        os.environ.update(self.given.variables, HOME=str(folder), COLUMNS="200", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
        self.moved = {**self.given.moved, "127.0.0.1:8787": f"127.0.0.1:{ours}", "8000": str(served)}
        self.console = Console(folder, ours, served)
        sys.path.insert(0, str(folder))
        os.environ["PYTHONPATH"] = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
        self.module = ModuleType("page_" + re.sub(r"\W", "_", page))
        sys.modules[self.module.__name__] = self.module  # structs look up their annotations there

    def read(self, block: Block) -> None:
        """Try one block.

        Raises:
            AssertionError: it is not what it says it is. Whatever its code raises is let through.
        """
        judge = JUDGES.get(block.language)
        assert judge is not None, f"nobody knows what {block.language or 'no language'!r} is: see tests/pages.py"
        for mark in block.marks:
            known = mark in KINDS or mark in _MARKS or mark.startswith(("examples/", "not run: "))
            assert known, f"nobody knows the mark {mark!r}: see tests/pages.py"
        text = block.text
        for path, name in self.moved.items():
            text = text.replace(path, name)
        if block.title:
            self._write(block.title, text)
        if not block.not_run:
            judge(self, block, text)

    def _write(self, name: str, content: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        if content.startswith("#!"):
            path.chmod(0o755)
        return path

    # ── One for each language ─────────────────────────────────────────────────────────────────────────────────────────

    def _python(self, block: Block, text: str) -> None:
        if example := next((mark for mark in block.marks if mark.startswith("examples/")), None):
            assert text in (ROOT / example).read_text(encoding="utf-8"), f"it does not stand in {example}"
            return
        importlib.invalidate_caches()
        if not block.title:
            code = compile("\n" * (block.line - 1) + text, block.page, "exec")
            exec(code, self.module.__dict__)
        elif text.startswith("#!"):
            compile(text, block.title, "exec")
        elif (module := block.title.removesuffix(".py").replace("/", ".").removesuffix(".__init__")).count("-") == 0:
            _in_a_fork(lambda: importlib.import_module(module))  # what follows may import it, or another in its place
        else:
            _in_a_fork(lambda: runpy.run_path(block.title))

    def _yaml(self, block: Block, text: str) -> None:
        for mark in block.marks:
            if mark in KINDS:
                KINDS[mark](text, self.folder)
                return
        shown = self._write(block.title or "shown.yaml", text)
        around = self._write("around.yaml", yaml.safe_dump(self._around(yaml.safe_load(text))))
        if "beside code" in block.marks:
            return
        if "wrong" in block.marks:
            with pytest.raises(ConfigError):
                resolve(load([shown, around], environ=os.environ))
            return
        found = resolve(load([shown, around], environ=os.environ)).settings.warnings
        assert not found, f"something is to be said against it: {found}"

    def _around(self, tree: Any) -> dict[str, Any]:
        """Return what is given of what a block does not define itself."""
        found = {}
        for section in ("checks", "services"):
            own = tree.get(section) or {}
            given: Mapping[str, Any] = getattr(self.given, section)
            found[section] = {name: value for name, value in given.items() if name not in own}
        return {section: some for section, some in found.items() if some}

    def _console(self, block: Block, text: str) -> None:
        for one in typed.typed(block):
            typed.look_at(one.line, self.folder)
        if "run" in block.marks:
            self.console.run(replace(block, text=text))

    def _sh(self, block: Block, text: str) -> None:
        if text.startswith("#!"):
            shell = text.partition("\n")[0].split("/")[-1].split()[-1]
            done = subprocess.run([shell, "-n"], input=text, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
        else:
            self._console(block, text)

    def _toml(self, _block: Block, text: str) -> None:
        """Read it; what offers kinds to Salus is installed in the folder, as an installer would."""
        offers = tomllib.loads(text).get("project", {}).get("entry-points", {})
        if not offers:
            return
        lines = [
            f"[{group}]\n" + "\n".join(f"{name} = {what}" for name, what in each.items())
            for group, each in offers.items()
        ]
        self._write("my_package-1.0.dist-info/METADATA", "Metadata-Version: 2.4\nName: my-package\nVersion: 1.0\n")
        self._write("my_package-1.0.dist-info/entry_points.txt", "\n\n".join(lines) + "\n")
        importlib.invalidate_caches()
        registry._others.cache_clear()
        for group, each in offers.items():
            for name in each:
                registry.kind(group.removeprefix("salus."), name)

    def _json(self, _block: Block, text: str) -> None:
        json.loads(text)

    def _cel(self, _block: Block, text: str) -> None:
        for condition in text.strip().split("\n\n"):
            assert compile_condition(condition).text == condition

    def _monit(self, _block: Block, text: str) -> None:
        """Let Monit itself say whether it is a control file of its own."""
        if (monit := shutil.which("monit", path=os.environ["PATH"] + ":/usr/bin:/usr/sbin")) is None:
            return
        path = self._write("monitrc", f"set daemon 30\n{text}")
        path.chmod(0o600)
        done = subprocess.run([monit, "-t", "-c", str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def _dockerfile(self, _block: Block, text: str) -> None:
        for line in re.sub(r"\\\n\s*", " ", text).splitlines():
            word, _, rest = line.partition(" ")
            assert not word or word.startswith("#") or word in _INSTRUCTIONS, f"{word!r} is no instruction"
            if found := re.search(r"\[.*\]$", rest):
                typed.look_at(" ".join(json.loads(found[0])), self.folder)

    def _braces(self, _block: Block, text: str) -> None:
        """See that it is whole; tests/acceptance/proxy runs nginx with the very lines."""
        assert text.count("{") == text.count("}") > 0

    def _text(self, _block: Block, _text: str) -> None:
        """Nothing can be done with it: it is what something prints, or a drawing."""


JUDGES: Mapping[str, Callable[[Reader, Block, str], None]] = {
    "caddyfile": Reader._braces,
    "cel": Reader._cel,
    "console": Reader._console,
    "dockerfile": Reader._dockerfile,
    "json": Reader._json,
    "monit": Reader._monit,
    "nginx": Reader._braces,
    "python": Reader._python,
    "sh": Reader._sh,
    "text": Reader._text,
    "toml": Reader._toml,
    "yaml": Reader._yaml,
}


def _in_a_fork(work: Callable[[], object]) -> None:
    """Do it where it changes nothing here.

    Raises:
        AssertionError: it failed; with what it raised.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8") as told:
        child = os.fork()
        if child == 0:
            try:
                work()
            except BaseException:  # noqa: BLE001 -- a fork ends here, and says why
                told.write(traceback.format_exc())
                told.flush()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        told.seek(0)
        wrong = told.read()
    assert not wrong, wrong
