from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from salus.actions.http_request import HttpRequest
from salus.errors import ActionError
from salus.model import Effect
from salus.secret import Secret
from tests.unit.actions.scenes import FakeService, make_scene


@dataclass
class Server:
    """Answers every request the same way and remembers what it was sent."""

    answer: bytes = b"HTTP/1.1 204 No Content\r\n\r\n"
    port: int = 0
    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        length = [line.partition(":")[2] for line in head.splitlines() if line.lower().startswith("content-length:")]
        self.bodies.append(await reader.readexactly(int(length[0])) if length else b"")
        if self.answer:
            writer.write(self.answer)
            await writer.drain()
        else:
            await reader.read()
            self.hung_up.set()
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listener:
        server.port = listener.sockets[0].getsockname()[1]
        yield server


async def test_a_post_is_sent_and_any_good_status_is_success(server: Server) -> None:
    result = await HttpRequest(url=f"{server.url}/heal", body="{check} is {status}").run(make_scene())
    assert server.heads[0].startswith("POST /heal HTTP/1.1\r\n")
    assert "Content-Type: text/plain; charset=utf-8" in server.heads[0]
    assert server.bodies == [b"web-http is unhealthy"]
    assert result.message.startswith(f"POST to 127.0.0.1:{server.port} answered 204 after ")


async def test_json_is_filled_in_its_texts_and_stays_json_whatever_the_message_holds(server: Server) -> None:
    template = {"text": "{check}: {message}", "n": [1, "{attempt}", None], "{raw}": {"a": "{b}"}}
    await HttpRequest(url=server.url, json=template).run(make_scene(message='"}, {"admin": true'))
    sent = json.loads(server.bodies[0])
    assert sent == {"text": 'web-http: "}, {"admin": true', "n": [1, "1", None], "{raw}": {"a": "{b}"}}
    assert "Content-Type: application/json" in server.heads[0]


async def test_words_in_the_url_are_encoded(server: Server) -> None:
    service = FakeService("a/b c")
    await HttpRequest(url=f"{server.url}/restart/{{service}}", method="put").run(make_scene(service=service))
    assert server.heads[0].startswith("PUT /restart/a%2Fb%20c HTTP/1.1\r\n")


async def test_secrets_reach_the_server_and_nobody_else(server: Server) -> None:
    action = HttpRequest(
        url=server.url + "/hook/t0ken",
        headers={"X-Key": Secret("k3y"), "X-Other": Secret("o")},
        bearer=Secret("b3arer"),
    )
    result = await action.run(make_scene())
    assert "X-Key: k3y\r\n" in server.heads[0]
    assert "Authorization: Bearer b3arer\r\n" in server.heads[0]
    for word in ("k3y", "b3arer", "t0ken"):
        assert word not in f"{action!r} {result!r}"


async def test_another_status_fails_with_what_the_server_said(server: Server) -> None:
    server.answer = b"HTTP/1.1 409 Conflict\r\nContent-Length: 14\r\n\r\nbusy\nwith that"
    with pytest.raises(ActionError, match="answered 409 Conflict, expected 200 to 299: busy with that"):
        await HttpRequest(url=server.url).run(make_scene())
    with pytest.raises(ActionError, match="expected 200, 201"):
        await HttpRequest(url=server.url, status=(200, 201)).run(make_scene())
    assert (await HttpRequest(url=server.url, status=(409,)).run(make_scene())).evidence["status"] == 409


async def test_no_answer_fails_with_a_remedy(server: Server) -> None:
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    listener.close()
    await listener.wait_closed()
    with pytest.raises(ActionError, match=r"no answer: .*refused") as caught:
        await HttpRequest(url=f"http://127.0.0.1:{port}/").run(make_scene())
    assert caught.value.remedy


async def test_cancelling_hangs_up(server: Server) -> None:
    server.answer = b""
    task = asyncio.create_task(HttpRequest(url=server.url).run(make_scene()))
    async with asyncio.timeout(20):
        while not server.heads:
            await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(20):
        await server.hung_up.wait()


@pytest.mark.parametrize(
    "action, field",
    [
        (HttpRequest(url="localhost:80/x"), "url"),
        (HttpRequest(url="ftp://host/"), "url"),
        (HttpRequest(url="http://host:99999/"), "url"),
        (HttpRequest(url="http://host/{chek}"), "url"),
        (HttpRequest(url="http://host/", method="NO WAY"), "method"),
        (HttpRequest(url="http://host/", body="a", json={}), "json"),
        (HttpRequest(url="http://host/", headers={"A B": Secret("")}), "headers"),
        (HttpRequest(url="http://host/", headers={"A": Secret("x\r\nB: y")}), "headers"),
        (HttpRequest(url="http://host/", bearer=Secret("x\n")), "bearer"),
        (HttpRequest(url="http://host/", bearer=Secret("x"), headers={"authorization": Secret("y")}), "bearer"),
        (HttpRequest(url="http://host/", status=(99,)), "status"),
        (HttpRequest(url="http://host/", effect=Effect.WAITS), "effect"),
    ],
)
def test_options_that_make_no_sense_are_problems(action: HttpRequest, field: str) -> None:
    assert [name for name, _ in action.problems()] == [field]


async def test_a_server_that_repeats_what_it_was_asked_gives_no_secret_away(server: Server) -> None:
    body = b"restart a-bearer another-token key=a-key-that-opens /heal-it/a-path-that-opens"
    asked = HttpRequest(
        url=f"{server.url}/heal-it/a-path-that-opens?key=a-key-that-opens",
        bearer=Secret("a-bearer"),
        headers={"X-Token": Secret("Token another-token")},
    )
    for status in (b"200 key=a-key-that-opens", b"500 key=a-key-that-opens"):
        server.answer = b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)
        try:
            result = await asked.run(make_scene())
            said = f"{result.message} {result.evidence}"
        except ActionError as error:
            said = str(error)
        assert "restart ***" in said
        assert "a-bearer" not in said
        assert "another-token" not in said
        assert "that-opens" not in said
