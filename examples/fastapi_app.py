"""Salus in a FastAPI application: one line starts it, answers the probes and shows the dashboard.

    pip install '.[fastapi]' uvicorn
    uvicorn fastapi_app:app          # then look at http://127.0.0.1:8000/salus/health-dashboard/

Orders are packed by a background task. An order that it cannot pack ends the task: from then on orders are taken and
never packed. Salus sees that within a second and starts a new one.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI

from salus import HealthSystem
from salus.integrations.asgi import HealthMiddleware
from salus.integrations.fastapi import require_ready


class Packer:
    """Packs orders, one after the other."""

    def __init__(self) -> None:
        self.orders: asyncio.Queue[int] = asyncio.Queue()
        self.packed: list[int] = []
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.task = asyncio.create_task(self.work())

    async def work(self) -> None:
        while True:
            items = await self.orders.get()
            self.packed.append(60 // items)  # nobody thought of an order without items


packer = Packer()
health = HealthSystem("fastapi-shop")


@health.check(interval="1s", critical=True)
async def packing() -> None:
    """Orders are packed. Raising is unhealthy; this runs on the application's own event loop."""
    if packer.task is not None and packer.task.done():
        raise RuntimeError(f"the packer ended: {packer.task.exception()!r}")


@health.action
async def restart_packer() -> str:
    packer.start()
    return "a new packer works"


health.rule("packing", actions=["log", restart_packer], cooldown_period="5s")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    packer.start()
    yield
    if packer.task is not None:
        packer.task.cancel()


app = FastAPI(lifespan=lifespan)
app.add_middleware(HealthMiddleware, health=health)


@app.post("/orders", dependencies=[Depends(require_ready(health))])  # 503 while the shop is not ready
async def order(items: int) -> dict[str, int]:
    await packer.orders.put(items)
    return {"waiting": packer.orders.qsize()}


@app.get("/orders")
async def orders() -> list[int]:
    return packer.packed
