"""The server: pages, previews, live reload, and Salus beside them."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from jinja2 import TemplateError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from preview_server.faults import Faults
from preview_server.healing import make_health
from preview_server.live import Hub
from preview_server.pipeline import AbandonedError, Pages, Pipeline
from preview_server.registry import Component, Registry
from preview_server.render import Renderer
from preview_server.settings import Settings
from preview_server.watcher import Watcher

HERE = Path(__file__).resolve().parent
AGAIN = 2  # seconds after which a browser asks again for what is not built yet
REPORTS = 5.0  # from one to the next: what was seen changes also where no status does
RELOADER = '<script src="/static/live.js" data-component="{name}" defer></script></body>'


class Server:
    """The parts, put together."""

    def __init__(self, settings: Settings) -> None:
        """Make the parts; ``app.lifespan`` starts them."""
        self.settings = settings
        self.hub = Hub()
        self.registry = Registry(settings.folder)
        self.renderer = Renderer(settings.folder, settings.output)
        self.pipeline = Pipeline(self.renderer.build, workers=settings.workers, max_waiting=settings.longest_wait)
        self.watcher = Watcher(settings.folder, self.changed, unseen=settings.unseen)
        self.health = make_health(settings, self.registry, self.watcher, self.pipeline, self.hub)
        self.faults = Faults(settings, self.registry, self.watcher, self.pipeline).all() if settings.faults else {}

    def changed(self, names: set[str]) -> None:
        """Read the folder anew, and have browsers show it: these components, or all of them where none is named."""
        self.registry.refresh()
        self.hub.tell("changed", {"components": sorted(names)})

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Start the parts, and Salus, which watches them; stop all in the opposite order."""
        self.hub.open()
        await asyncio.to_thread(self.registry.refresh)
        self.pipeline.restart()
        self.watcher.start()
        try:
            async with self.health:
                reporting = asyncio.create_task(self._report())
                yield
                reporting.cancel()
        finally:
            self.hub.close()
            await asyncio.to_thread(self.watcher.stop)
            self.pipeline.stop()

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(REPORTS)
            if self.hub.heard:
                checks = (await self.health.report())["checks"]
                parts = {name: {"status": one["status"], "message": one["message"]} for name, one in checks.items()}
                whole = {"summary": self.health.summary(), "overall": self.health.status}
                self.hub.tell("report", {"parts": parts, **whole})

    # ── pages ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def index(self, request: Request) -> Response:
        """Show every component, and how the server itself is."""
        return await self._page("index.html", problems=self.registry.problems, faults=self.faults)

    async def component(self, request: Request) -> Response:
        """Show one component in all its variants."""
        component = self._component(request)
        return await self._page("component.html", component=component)

    async def preview(self, request: Request) -> Response:
        """Show one variant, and nothing else."""
        component = self._component(request)
        try:
            pages = await self._built(component)
        except TemplateError as error:
            said = f"{type(error).__name__}: {error}"
            return HTMLResponse(self.renderer.page("error.html", component=component, said=said), 500)
        except (AbandonedError, TimeoutError) as error:
            said = str(error) or "no worker has come to it; the pipeline may be being healed"
            waiting = self.renderer.page("error.html", component=component, said=said, again=AGAIN)
            return HTMLResponse(waiting, 503, {"Retry-After": str(AGAIN)})
        page = pages.get(request.path_params["variant"])
        if page is None:
            raise HTTPException(404, f"{component.name} has no such variant; it has {', '.join(pages)}")
        return HTMLResponse(page.replace("</body>", RELOADER.format(name=component.name)))

    async def events(self, request: Request) -> Response:
        """Tell a browser what happens."""
        return StreamingResponse(
            self.hub.listen(), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    async def break_it(self, request: Request) -> Response:
        """Break a part."""
        _, fault = self.faults.get(request.path_params["fault"], ("", None))
        if fault is None:
            raise HTTPException(404, f"there are the faults {', '.join(self.faults)}")
        await (fault() if inspect.iscoroutinefunction(fault) else asyncio.to_thread(fault))
        return JSONResponse({"broken": request.path_params["fault"]}, 202)

    async def _page(self, template: str, **values: object) -> Response:
        health = await self.health.report()
        components = self.registry.all()
        page = self.renderer.page(
            template, components=components, health=health, summary=self.health.summary(), **values
        )
        return HTMLResponse(page)

    def _component(self, request: Request) -> Component:
        name = request.path_params["name"]
        if component := self.registry.get(name):
            return component
        raise HTTPException(404, self.registry.problems.get(name) or f"there is no component {name!r}")

    async def _built(self, component: Component) -> Pages:
        patience = 2 * self.settings.longest_wait
        return await asyncio.wait_for(asyncio.wrap_future(self.pipeline.build(component)), patience)


def create_app(server: Server) -> Starlette:
    """Make the application."""
    routes = [
        Route("/", server.index),
        Route("/components/{name}", server.component),
        Route("/preview/{name}/{variant}", server.preview),
        Route("/events", server.events),
        Route("/break/{fault}", server.break_it, methods=["POST"]),
        Mount("/static", StaticFiles(directory=HERE / "static")),
        Mount("/", server.health.asgi()),  # /health, /metrics, /health-dashboard, /api/v1, ...
    ]
    return Starlette(routes=routes, lifespan=server.lifespan)
