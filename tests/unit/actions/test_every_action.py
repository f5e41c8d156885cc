"""What holds for every kind of action, ours and others' alike."""

from __future__ import annotations

import inspect
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.app.registry import ACTIONS, kind
from salus.config import Sources, options
from salus.errors import ConfigError
from salus.model import Effect
from salus.options import ActionOptions
from salus.ports import Action

# The shortest way to write each kind, and what its bare form means.
BARE: dict[str, tuple[object, dict[str, object]]] = {
    "call": ("json:dumps", {"function": "json:dumps"}),
    "capture_evidence": (None, {}),
    "clean_temporary_files": (["/var/tmp/app"], {"folders": (Path("/var/tmp/app"),)}),
    "dump_stacks": (None, {}),
    "garbage_collect": (None, {}),
    "http_request": ("http://127.0.0.1/heal", {"url": "http://127.0.0.1/heal"}),
    "log": (None, {}),
    "restart_service": (None, {}),
    "run": (["true", "-x"], {"command": ("true", "-x")}),
    "signal_service": ("HUP", {"signal": "HUP"}),
    "start_service": ("web", {"service": "web"}),
    "stop_service": ("web", {"service": "web"}),
    "wait": ("5s", {"duration": 5.0}),
}


def made(name: str, raw: object) -> Any:
    found = kind("actions", name)
    assert issubclass(found, ActionOptions)
    return options(found, raw, path=("rules", "web", "actions", 0, name), sources=Sources())


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_its_bare_form_is_read(name: str) -> None:
    raw, fields = BARE[name]
    action: Action = made(name, raw)
    for field, value in fields.items():
        assert getattr(action, field) == value
    assert isinstance(action.effect, Effect)
    assert isinstance(action.targets("web"), frozenset)
    assert inspect.iscoroutinefunction(action.run)


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_its_docstring_describes_every_option(name: str) -> None:
    found: Any = kind("actions", name)
    described = set(re.findall(r"^        (\w+): ", str(inspect.getdoc(found) and found.__doc__), re.MULTILINE))
    assert described == {field.name for field in msgspec.structs.fields(found)}
    assert found.scalar in {"", *described}


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_an_unknown_key_is_an_error(name: str) -> None:
    with pytest.raises(ConfigError, match="unknown key 'surprise'"):
        made(name, {"surprise": 1})


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("name", sorted(ACTIONS))
@given(data=st.data())
def test_junk_is_read_or_refused_and_breaks_nothing(name: str, data: st.DataObject) -> None:
    fields = [field.name for field in msgspec.structs.fields(kind("actions", name))]
    raw = data.draw(JUNK | st.dictionaries(st.sampled_from(fields or ["x"]), JUNK, max_size=4))
    with suppress(ConfigError):
        assert repr(made(name, raw))


def test_effects_chosen_by_the_user_are_read() -> None:
    assert made("run", {"command": ["true"], "effect": "replaces"}).effect is Effect.REPLACES
    assert made("call", {"function": "a:b", "effect": "records"}).effect is Effect.RECORDS
    with pytest.raises(ConfigError, match="use the action wait to wait"):
        made("run", {"command": ["true"], "effect": "waits"})


def test_headers_are_secrets() -> None:
    action = made("http_request", {"url": "http://127.0.0.1/", "headers": {"X-Key": "hidden"}, "bearer": "hidden"})
    assert action.headers["X-Key"].reveal() == "hidden"
    assert "hidden" not in repr(action)
