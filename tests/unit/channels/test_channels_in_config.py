"""Channels that need more than an address, as config writes them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from salus.app import registry
from salus.clock import SystemClock
from salus.config import Sources, options
from salus.errors import ConfigError, MissingExtraError
from salus.options import ChannelOptions
from salus.ports import Outlet

KEY = "0123456789abcdef0123456789abcdef"
EMAIL = {"host": "mail.example.org", "from": "Salus <salus@example.org>", "to": ["ops@example.org"]}


def read(kind: str, raw: object) -> Any:
    found = registry.kind("channels", kind)
    assert issubclass(found, ChannelOptions)
    return options(found, raw, path=("alerts", "channels", "ops", kind), sources=Sources())


def test_the_bare_form_is_the_address_or_the_key() -> None:
    assert read("alertmanager", "http://127.0.0.1:9093").place == "127.0.0.1:9093"
    assert read("pagerduty", KEY).routing_key.reveal() == KEY


def test_secrets_may_stand_in_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"{KEY}\n")
    assert read("pagerduty", {"routing_key_file": str(secret)}).routing_key.reveal() == KEY
    made = read("email", EMAIL | {"username": "salus", "password_file": str(secret)})
    assert made.password.reveal() == KEY
    assert KEY not in repr(made)
    assert read("alertmanager", {"urls": ["http://a:9093", "http://b:9093"], "bearer_file": str(secret)}).bearer


def test_a_mail_needs_somebody_who_gets_it() -> None:
    with pytest.raises(ConfigError, match="nobody would get it"):
        read("email", EMAIL | {"to": []})


@pytest.mark.parametrize(
    "kind, module, raw", [("email", "aiosmtplib", EMAIL), ("apprise", "apprise", {"url": "ntfy://topic"})]
)
def test_a_missing_extra_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, module: str, raw: dict[str, Any]
) -> None:
    found: Any = registry.kind("channels", kind)
    built = read(kind, raw) if kind == "email" else found(urls=())
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=rf"pip install 'salus\[{kind}\]'"):
        read(kind, raw)
    with pytest.raises(MissingExtraError):
        built.build(Outlet(clock=SystemClock(), state_dir=tmp_path, state_id="tests"))


def test_no_kind_imports_its_extra_before_it_is_used() -> None:
    for kind in ("email", "apprise"):
        module: Any = sys.modules[registry.kind("channels", kind).__module__]
        assert not {"aiosmtplib", "apprise"} & set(vars(module))
