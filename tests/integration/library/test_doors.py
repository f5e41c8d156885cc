"""What an application mounts: the same answers through ASGI and WSGI, below a prefix too."""

from __future__ import annotations

import asyncio
import io
import json
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from salus import HealthSystem
from tests.integration.library.waiting import until

LIVE: dict[str, Any] = {
    "type": "http",
    "asgi": {"version": "3.0"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": "/health-dashboard/live",
    "query_string": b"page=/",
    "root_path": "",
    "headers": [(b"host", b"shop.test"), (b"accept", b"text/event-stream")],
    "client": ("127.0.0.1", 1),
}


@pytest.fixture
def health(tmp_path: Path) -> Iterator[HealthSystem]:
    system = HealthSystem("shop", state_dir=tmp_path / "state", settings={"salus": {"show_details": "always"}})
    system.register("fine", lambda: None, interval="50ms")
    yield system
    system.stop()


@pytest.fixture
async def client(health: HealthSystem) -> AsyncIterator[httpx.AsyncClient]:
    async def hello(request: Any) -> PlainTextResponse:
        return PlainTextResponse("hello")

    app = Starlette(routes=[Route("/hello", hello), Mount("/ops", health.asgi()), Mount("/", health.asgi())])
    async with health:
        assert await asyncio.to_thread(until, health.is_healthy)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop.test") as client:
            yield client


@pytest.mark.parametrize("prefix", ["", "/ops"])
async def test_everything_is_there_below_wherever_it_is_mounted(client: httpx.AsyncClient, prefix: str) -> None:
    assert (await client.get(f"{prefix}/health")).json()["checks"]["fine"]["status"] == "healthy"
    assert (await client.get(f"{prefix}/readyz?verbose")).text.startswith("[+]fine ok\n")
    assert (await client.get(f"{prefix}/health/checks/fine")).json()["name"] == "fine"
    assert (await client.get(f"{prefix}/readyz?exclude=nobody")).status_code == 400
    page = await client.get(f"{prefix}/health-dashboard/")
    assert (page.status_code, "<title>" in page.text) == (200, True)
    assert (await client.get(f"{prefix}/api/v1/checks")).status_code == 200


async def test_the_routes_of_the_application_stay_its_own(client: httpx.AsyncClient) -> None:
    assert (await client.get("/hello")).text == "hello"
    assert (await client.get("/")).status_code == 404


async def test_a_body_crosses_too(client: httpx.AsyncClient) -> None:
    answer = await client.post("/ping/nobody", content=b"all done")
    assert answer.status_code == 404
    assert "no check listens to 'nobody'" in answer.json()["detail"]


async def test_a_stream_crosses_as_it_flows(health: HealthSystem) -> None:
    arrived: asyncio.Queue[Any] = asyncio.Queue()
    gone = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async with health:
        serving = asyncio.create_task(health.asgi()(dict(LIVE), receive, arrived.put))
        first = await asyncio.wait_for(arrived.get(), 30)
        assert first["type"] == "http.response.start"
        gone.set()
        await asyncio.wait_for(serving, 30)


async def test_a_stream_that_is_open_ends_when_the_system_stops(health: HealthSystem) -> None:
    arrived: asyncio.Queue[Any] = asyncio.Queue()
    never = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await never.wait()
        return {"type": "http.disconnect"}

    async with health:
        serving = asyncio.create_task(health.asgi()(dict(LIVE), receive, arrived.put))
        assert (await asyncio.wait_for(arrived.get(), 30))["status"] == 200
    await asyncio.wait_for(serving, 30)


async def test_the_first_request_starts_it_where_nobody_did(health: HealthSystem) -> None:
    here = asyncio.get_running_loop()
    on: list[Any] = []

    @health.check(interval="50ms")
    async def own() -> None:
        on.append(asyncio.get_running_loop())

    transport = httpx.ASGITransport(Starlette(routes=[Mount("/ops", health.asgi())]))
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        assert (await client.get("/ops/livez")).status_code == 200
    await health.run_now("own")
    assert set(on) == {here}
    await asyncio.to_thread(health.stop)


async def test_served_by_itself_it_starts_and_stops_the_system(health: HealthSystem) -> None:
    messages: asyncio.Queue[Any] = asyncio.Queue()
    told: asyncio.Queue[Any] = asyncio.Queue()
    task = asyncio.create_task(health.asgi()({"type": "lifespan"}, messages.get, told.put))
    await messages.put({"type": "lifespan.startup"})
    assert (await told.get())["type"] == "lifespan.startup.complete"
    assert await health.run_now("fine")
    await messages.put({"type": "lifespan.shutdown"})
    assert (await told.get())["type"] == "lifespan.shutdown.complete"
    await task
    assert health.summary() == "Salus does not run here"


def request(app: Callable[..., Iterable[bytes]], path: str, **more: Any) -> tuple[str, dict[str, str], bytes]:
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "shop.test",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "shop.test",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **more,
    }
    begun: dict[str, Any] = {}

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        begun.update(status=status, headers=dict(headers))
        return lambda _: None

    answer = app(environ, start_response)
    try:
        body = b"".join(answer)
    finally:
        if close := getattr(answer, "close", None):
            close()
    return begun["status"], begun["headers"], body


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_wsgi_says_the_same_and_keeps_to_the_rules(health: HealthSystem) -> None:
    app = validator(health.wsgi())
    with health:
        assert until(health.is_healthy)
        status, headers, body = request(app, "/health")
        assert (status, headers["content-type"]) == ("200 OK", "application/json")
        assert json.loads(body)["checks"]["fine"]["status"] == "healthy"
        status, _, body = request(app, "/health-dashboard/", SCRIPT_NAME="/ops")
        assert (status, b"<title>" in body) == ("200 OK", True)
        assert request(app, "/nothing", SCRIPT_NAME="/ops")[0] == "404 Not Found"


def test_a_live_stream_keeps_no_thread_of_a_wsgi_server(health: HealthSystem) -> None:
    with health:
        assert until(health.is_healthy)
        status, headers, body = request(health.wsgi(), "/health-dashboard/live", QUERY_STRING="page=/")
        assert (status, headers["content-type"]) == ("200 OK", "text/event-stream")
        assert body.startswith(b"retry: ")


async def test_where_it_cannot_run_a_request_is_told_so_and_never_as_a_crash(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    broken = HealthSystem("shop", state_dir=tmp_path / "file")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(broken.asgi()), base_url="http://shop.test") as client:
        answer = await client.get("/livez")
        assert (answer.status_code, answer.text) == (503, "Salus does not run here; its log says why\n")
        assert (await client.head("/livez")).content == b""
    assert "cannot be the state folder" in caplog.text
    assert request(broken.wsgi(), "/livez", REQUEST_METHOD="HEAD")[::2] == ("503 Service Unavailable", b"")


def test_wsgi_takes_bodies_in_pieces_and_of_any_length(health: HealthSystem) -> None:
    class Pieces(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 10, 10))

    app = health.wsgi()
    odd: list[dict[str, Any]] = [
        {"CONTENT_LENGTH": "100", "wsgi.input": Pieces(b"x" * 100)},
        {"CONTENT_LENGTH": "9" * 5000, "wsgi.input": io.BytesIO(b"x" * 3_000_000)},
        {"wsgi.input_terminated": True, "wsgi.input": io.BytesIO(b"x" * 100)},
        {"CONTENT_LENGTH": "many"},
        {"HTTP_X_ODD": "é\r\nx: y", "QUERY_STRING": "a=é"},
    ]
    with health:
        for environ in odd:
            assert request(app, "/ping/nobody", REQUEST_METHOD="POST", **environ)[0] == "404 Not Found"


async def test_a_stream_ends_when_its_server_is_told_to(health: HealthSystem) -> None:
    class Server:  # as uvicorn's is, which waits for every request
        should_exit = False

        def handle_exit(self, number: int, frame: object) -> None: ...

    server, arrived = Server(), asyncio.Queue[Any]()
    before = signal.signal(signal.SIGTERM, server.handle_exit)
    try:
        async with health, asyncio.timeout(30):
            serving = asyncio.ensure_future(health.asgi()(dict(LIVE), asyncio.Event().wait, arrived.put))  # type: ignore[arg-type]
            await arrived.get()
            server.should_exit = True
            await serving
    finally:
        signal.signal(signal.SIGTERM, before)
    *_, last = [arrived.get_nowait() for _ in range(arrived.qsize())]
    assert (last["body"], last["more_body"]) == (b"", False)
