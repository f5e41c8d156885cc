"""Salus in front of an application: it answers its own paths, leaves the rest alone, and lives as long as that does."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI

from salus import HealthSystem
from salus.errors import ConfigError, SalusError
from salus.integrations.asgi import HealthMiddleware
from salus.integrations.fastapi import require_ready
from salus.integrations.gunicorn import find, hooks
from salus.integrations.paths import EVERYTHING, Paths
from salus.integrations.wsgi import HealthMiddleware as WsgiMiddleware


@pytest.fixture
def health(tmp_path: Path) -> Iterator[HealthSystem]:
    said = {"salus": {"show_details": "always", "store": "memory"}}
    system = HealthSystem("shop", state_dir=tmp_path / "state", settings=said)
    system.register("fine", lambda: None, interval="50ms")
    yield system
    system.stop()


class Server:
    """What a server says to an application about its life."""

    def __init__(self, app: Callable[..., Any]) -> None:
        self.asked: asyncio.Queue[Any] = asyncio.Queue()
        self.told: asyncio.Queue[Any] = asyncio.Queue()
        self.task = asyncio.create_task(app({"type": "lifespan", "state": {}}, self.asked.get, self.told.put))

    async def say(self, word: str) -> str:
        await self.asked.put({"type": f"lifespan.{word}"})
        told: dict[str, Any] = await asyncio.wait_for(self.told.get(), 10)
        return str(told["type"])


def client(app: Any, root: str = "") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, root_path=root), base_url="http://shop.test")


async def ready(browser: httpx.AsyncClient, path: str = "/readyz") -> httpx.Response:
    for _ in range(1500):
        if (await browser.get(path)).status_code == 200:
            break
        await asyncio.sleep(0.02)
    return await browser.get(path)


async def test_the_application_keeps_its_life_and_salus_lives_round_it(health: HealthSystem) -> None:
    order: list[str] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        order.append(str(health.runs))
        yield
        order.append(str(health.runs))

    app = FastAPI(lifespan=lifespan)
    app.add_middleware(HealthMiddleware, health=health)
    server = Server(app)
    assert await server.say("startup") == "lifespan.startup.complete"
    async with client(app) as browser:
        assert (await ready(browser)).status_code == 200
        assert await server.say("shutdown") == "lifespan.shutdown.complete"
    await server.task
    assert order == ["True", "True"]  # it ran before the application began, and still did when that ended
    assert not health.runs


async def test_an_application_that_knows_no_life_is_given_none(health: HealthSystem) -> None:
    async def bare(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            message = "only HTTP"
            raise ValueError(message)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    app = HealthMiddleware(bare, health)
    server = Server(app)
    assert await server.say("startup") == "lifespan.startup.complete"
    async with client(app) as browser:
        assert (await browser.get("/")).status_code == 204
        assert (await ready(browser)).status_code == 200
    assert await server.say("shutdown") == "lifespan.shutdown.complete"
    await server.task


async def test_what_is_wrong_with_the_config_is_told_to_the_server(health: HealthSystem) -> None:
    health.register("broken", {"disk": {"patch": "/"}})
    server = Server(HealthMiddleware(FastAPI(), health))
    assert await server.say("startup") == "lifespan.startup.failed"
    with pytest.raises(ConfigError, match="patch"):
        await server.task


async def test_an_application_that_cannot_begin_leaves_nothing_running(health: HealthSystem) -> None:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if app.title:
            message = "no database"
            raise RuntimeError(message)
        yield

    app = FastAPI(lifespan=lifespan)
    app.add_middleware(HealthMiddleware, health=health)
    server = Server(app)
    assert await server.say("startup") == "lifespan.startup.failed"
    with pytest.raises(RuntimeError, match="no database"):
        await server.task
    assert not health.runs


async def test_without_a_lifespan_it_starts_with_the_first_requests_once(health: HealthSystem) -> None:
    app = FastAPI()
    app.add_middleware(HealthMiddleware, health=health)
    async with client(app) as browser:
        answers = await asyncio.gather(*(browser.get("/livez") for _ in range(5)))
        assert {answer.status_code for answer in answers} == {200}
        assert (await ready(browser)).status_code == 200


@pytest.mark.parametrize("root", ["", "/behind", "/as-the-app-says"])
async def test_a_root_path_moves_everything(health: HealthSystem, root: str) -> None:
    app = FastAPI()
    app.add_middleware(HealthMiddleware, health=health)

    async def served(scope: Any, receive: Any, send: Any) -> None:
        # Some applications name their root path themselves: then the path does not begin with it.
        await app({**scope, "root_path": root} if root == "/as-the-app-says" else scope, receive, send)

    @app.get("/salutations")
    def mine() -> str:
        return "mine"

    before = root if root == "/behind" else ""  # a proxy that strips its prefix tells it apart from the path
    async with client(served, before) as browser:
        assert (await ready(browser, f"{before}/readyz")).status_code == 200
        assert (await browser.get(f"{before}/salutations")).json() == "mine"
        assert (await browser.get(f"{before}/salus/health")).json()["checks"]["fine"]["status"] == "healthy"
        led = await browser.get(f"{before}/salus")
        assert (led.status_code, led.headers["location"]) == (307, f"{root}/salus/")
        page = await browser.get(f"{before}/salus/health-dashboard/")
        assert page.status_code == 200
        assert f'href="{root}/salus/health-dashboard/' in page.text


async def test_a_route_can_wait_until_all_is_ready(health: HealthSystem) -> None:
    app = FastAPI()
    app.add_middleware(HealthMiddleware, health=health)
    well = {"now": False}
    health.register("orders", lambda: well["now"], interval="50ms", critical=True)

    @app.get("/orders", dependencies=[Depends(require_ready(health, retry_after=7))])
    def orders() -> str:
        return "all of them"

    async with client(app) as browser:
        answer = await browser.get("/orders")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
        well["now"] = True
        assert (await ready(browser, "/orders")).json() == "all of them"


def test_paths_are_told_apart_by_whole_parts() -> None:
    paths = Paths("/salus/", ["/livez", "/health"])
    assert [paths.mount(path) for path in ("/salus", "/salus/x", "/livez", "/health/live")] == [
        "/salus",
        "/salus",
        "",
        "",
    ]
    assert [paths.mount(path) for path in ("/", "/salustra", "/livezz", "/healthy", "/metrics")] == [None] * 5
    assert Paths("", EVERYTHING).mount("/health-dashboard/checks") == ""
    assert Paths("").mount("/salus") is None
    for wrong in ("salus", "health"):
        with pytest.raises(ValueError, match="is no path below the application: write it like '/salus'"):
            Paths(wrong)


def wsgi(app: Callable[..., Iterable[bytes]], path: str, script: str = "") -> tuple[str, dict[str, str], bytes]:
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": script,
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "shop.test",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
    }
    begun: dict[str, Any] = {}

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        begun.update(status=status, headers={name.lower(): value for name, value in headers})

    parts = app(environ, start_response)
    body = b"".join(parts)
    getattr(parts, "close", lambda: None)()
    return begun["status"], begun["headers"], body


async def test_a_config_that_is_wrong_keeps_no_request_from_being_answered(
    health: HealthSystem, caplog: pytest.LogCaptureFixture
) -> None:
    health.register("broken", {"disk": {"patch": "/"}})
    app = FastAPI()
    app.add_middleware(HealthMiddleware, health=health)
    app.add_api_route("/orders", lambda: "mine")

    def shop(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [b"mine"]

    async with client(app) as browser:
        assert [(await browser.get(path)).status_code for path in ("/orders", "/livez", "/orders")] == [200, 503, 200]
    threaded = WsgiMiddleware(shop, health)
    assert wsgi(threaded, "/orders")[2] == b"mine"
    assert wsgi(threaded, "/livez")[0] == "503 Service Unavailable"
    assert caplog.text.count("salus does not run in process") == 2
    assert "patch" in caplog.text


def test_wsgi_is_the_same(health: HealthSystem) -> None:
    def shop(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [environ["PATH_INFO"].encode()]

    app = WsgiMiddleware(shop, health)
    assert wsgi(app, "/orders")[2] == b"/orders"
    assert wsgi(app, "/livez")[0] == "200 OK"
    assert wsgi(app, "/salus", "/behind")[1]["location"] == "/behind/salus/"
    status, _, body = wsgi(app, "/salus/health-dashboard/", "/behind")
    assert (status, b'href="/behind/salus/health-dashboard/' in body) == ("200 OK", True)
    assert wsgi(app, "/metrics")[2] == b"/metrics"


# ── gunicorn ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Worker:
    pid = -1

    def __init__(self) -> None:
        self.log = self
        self.errors: list[str] = []

    def error(self, text: str, *arguments: object) -> None:
        self.errors.append(text % arguments)


def test_a_config_that_is_wrong_does_not_keep_a_worker_from_serving(health: HealthSystem) -> None:
    health.register("broken", {"disk": {"patch": "/"}})
    worker = Worker()
    begin, end = hooks(health)
    begin(worker)
    assert "salus does not run in this worker" in worker.errors[0]
    assert "patch" in worker.errors[0]
    end(None, worker)


def test_the_arbiter_imports_no_application() -> None:
    _, end = hooks("no.such.module:health")
    end(None, Worker())


@pytest.mark.parametrize(
    "place, said",
    [
        ("no.such.module:health", "there is no health system at 'no.such.module:health': No module named 'no'"),
        ("pathlib:Path", "'pathlib:Path' is no HealthSystem, but type"),
        ("pathlib:nothing.there", "has no attribute 'nothing'"),
    ],
)
def test_a_place_without_a_system_is_told(place: str, said: str) -> None:
    with pytest.raises(SalusError) as caught:
        find(place)
    assert said in str(caught.value)
    assert caught.value.remedy


async def test_a_request_after_the_end_starts_nothing_again(health: HealthSystem) -> None:
    async with client(HealthMiddleware(FastAPI(), health)) as browser:
        assert (await ready(browser)).status_code == 200
        await asyncio.to_thread(health.stop)
        assert (await browser.get("/livez")).status_code == 503
        assert not health.runs
