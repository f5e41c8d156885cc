"""What holds for every registered kind of channel: ours, and those that come later."""

from __future__ import annotations

import inspect
import re
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from salus.app.registry import CHANNELS, kind
from salus.errors import DeliveryError
from salus.options import ChannelOptions
from salus.ports import Letter
from tests.integration.channels.mailserver import mail_server
from tests.integration.channels.outlets import channel, configured, outlet
from tests.integration.network.conftest import Servers, answering, ok, read_request
from tests.letters import LETTERS

SECRET = "s3cr3tw0rd"
KEY = f"{SECRET:0>32}"


@dataclass(frozen=True)
class Place:
    """Where a channel is pointed: a server that takes every HTTP request, a folder, and a server that takes mail."""

    port: int
    folder: Path
    mail: int = 0


# How each kind is configured for this test.
OPTIONS: dict[str, Callable[[Place], Any]] = {
    "alertmanager": lambda place: {
        "urls": [f"http://user:{SECRET}@127.0.0.1:{place.port}", f"http://127.0.0.1:{place.port}/{SECRET}"],
        "bearer": SECRET,
    },
    "apprise": lambda place: f"json://user:{SECRET}@127.0.0.1:{place.port}/{SECRET}",
    "console": lambda _: None,
    "email": lambda place: {
        "host": "127.0.0.1",
        "port": place.mail or place.port,
        "security": "none",
        "from": "salus@example.org",
        "to": ["ops@example.org"],
    },
    "exec": lambda _: {"command": ["cat"], "environment": {"TOKEN": SECRET}},
    "file": lambda place: str(place.folder / "alerts.jsonl"),
    "log": lambda _: None,
    "pagerduty": lambda place: {"routing_key": KEY, "url": f"http://127.0.0.1:{place.port}"},
    "slack": lambda place: f"http://127.0.0.1:{place.port}/services/{SECRET}",
    "webhook": lambda place: {
        "url": f"http://user:{SECRET}@127.0.0.1:{place.port}/{SECRET}?token={SECRET}",
        "headers": {"Authorization": f"Bearer {SECRET}"},
        "secret": SECRET,
    },
}

every_kind = pytest.mark.parametrize("name", sorted(CHANNELS))


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async def taking(reader: StreamReader, writer: StreamWriter) -> None:
        await read_request(reader)
        writer.write(ok(b"{}", status="202 Accepted"))
        await writer.drain()

    servers = Servers()
    async with mail_server() as mail:
        yield Place(await servers.tcp(taking), tmp_path, mail.port)
    await servers.close()


@every_kind
@pytest.mark.parametrize("sort", LETTERS)
async def test_every_letter_is_sent_or_refused_with_why(name: str, sort: str, place: Place, tmp_path: Path) -> None:
    made = channel(name, OPTIONS[name](place), outlet(tmp_path))
    letter: Letter = LETTERS[sort]()
    with suppress(DeliveryError):
        said = await made.send(letter)
        assert isinstance(said, str)
        assert len(said) <= 500
        assert "\n" not in said
        assert SECRET not in said
    await made.aclose()


@every_kind
async def test_a_channel_may_be_closed_twice(name: str, place: Place, tmp_path: Path) -> None:
    made = channel(name, OPTIONS[name](place), outlet(tmp_path))
    await made.aclose()
    await made.aclose()


@every_kind
async def test_nothing_that_is_shown_of_it_holds_a_secret(name: str, place: Place, tmp_path: Path) -> None:
    options = configured(name, OPTIONS[name](place))
    made = options.build(outlet(tmp_path))
    for shown in (repr(options), str(options), repr(made), str(made), repr(getattr(options, "__rich_repr__", list)())):
        assert SECRET not in shown


@every_kind
async def test_a_receiver_that_is_gone_is_a_delivery_error_without_secrets(name: str, tmp_path: Path) -> None:
    servers = Servers()
    gone = await servers.tcp(answering())
    await servers.close()
    made = channel(name, OPTIONS[name](Place(gone, tmp_path)), outlet(tmp_path))
    if name in ("console", "exec", "file", "log"):
        await made.send(LETTERS["firing"]())  # they reach nobody over a network
    else:
        with pytest.raises(DeliveryError) as caught:
            await made.send(LETTERS["firing"]())
        assert not caught.value.permanent
        assert SECRET not in f"{caught.value} {caught.value!r} {caught.value.remedy}"
    await made.aclose()


@every_kind
async def test_it_says_whether_what_still_fires_must_be_told_again(name: str, place: Place, tmp_path: Path) -> None:
    resend = channel(name, OPTIONS[name](place), outlet(tmp_path)).resend
    assert resend is None or resend > 0


@every_kind
def test_its_docstring_describes_every_option(name: str) -> None:
    found: Any = kind("channels", name)
    assert issubclass(found, ChannelOptions)
    described: set[str] = set()
    for base in found.__mro__:
        described |= set(re.findall(r"^        (\w+): ", base.__dict__.get("__doc__") or "", re.MULTILINE))
    assert set(found.__struct_fields__) <= described
    assert inspect.getdoc(found)
