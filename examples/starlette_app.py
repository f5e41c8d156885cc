"""Salus in a Starlette application, with Starlette's own words: ``lifespan`` and ``Mount``.

    pip install '.[starlette]' uvicorn
    uvicorn starlette_app:app        # then look at http://127.0.0.1:8000/salus/health-dashboard/

The search index is a file beside the application. Whatever destroys it (a full disk, a careless hand), Salus sees that
it cannot be read and builds it anew.
"""

import json
import os
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from salus import HealthSystem

BOOKS = ["Release It!", "The Site Reliability Workbook", "Chaos Engineering"]
INDEX = Path(os.environ.get("SHOP_FOLDER", "."), "index.json")

health = HealthSystem("starlette-shop")


def build_index() -> str:
    words = {word.lower(): book for book in BOOKS for word in book.split()}
    INDEX.write_text(json.dumps(words), encoding="utf-8")
    return f"{len(words)} words"


@health.check("search-index", interval="1s")
def readable() -> tuple[str, str, dict[str, float]]:
    """A plain function runs in a thread: it may block."""
    words = json.loads(INDEX.read_text(encoding="utf-8"))
    return "healthy", f"{len(words)} words", {"words": len(words)}


health.action(build_index)
health.rule("search-index", actions=[build_index], cooldown_period="5s")


def search(request: Request) -> JSONResponse:
    words = json.loads(INDEX.read_text(encoding="utf-8"))
    return JSONResponse({"found": words.get(request.path_params["word"].lower())})


build_index()
app = Starlette(
    lifespan=health.lifespan,
    routes=[
        Route("/search/{word}", search),
        Mount("/salus", health.asgi()),
    ],
)
