"""Salus in a Litestar application.

    pip install '.[litestar]' uvicorn
    uvicorn litestar_app:app         # then look at http://127.0.0.1:8000/salus/health-dashboard/

Uploads go into a folder. Somebody tidies up and takes the folder with them; Salus makes it anew.
"""

import os
from pathlib import Path

from litestar import Litestar, get, put

from salus import HealthSystem
from salus.integrations.litestar import SalusPlugin

UPLOADS = Path(os.environ.get("SHOP_FOLDER", "."), "uploads")

health = HealthSystem("litestar-shop")


@health.action
def make_folder() -> str:
    UPLOADS.mkdir(parents=True, exist_ok=True)
    return f"{UPLOADS.name} is there again"


# A kind of check, spelled as in a config; its rule beside it.
health.register("uploads", {"directory": {"path": str(UPLOADS), "writable": True}}, interval="1s", critical=True)
health.rule("uploads", actions=[make_folder], cooldown_period="5s")


@put("/uploads/{name:str}", sync_to_thread=True)
def upload(name: str) -> dict[str, int]:
    (UPLOADS / Path(name).name).write_text("uploaded", encoding="utf-8")
    return {"files": len(list(UPLOADS.iterdir()))}


@get("/")
async def shop() -> dict[str, str]:
    return {"shop": health.summary()}


make_folder()
app = Litestar(route_handlers=[upload, shop], plugins=[SalusPlugin(health)])
