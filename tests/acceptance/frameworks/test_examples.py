"""Each example runs under its real server, something breaks for real, and is healed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from typing import Any

import pytest

from tests.acceptance.frameworks.conftest import SERVERS
from tests.acceptance.frameworks.serving import EXAMPLES, Served

pytestmark = pytest.mark.timeout(180)  # the first waits until eight servers have begun, the last until they have ended


async def test_fastapi_a_background_task_that_died_is_started_anew(served: Mapping[str, Served]) -> None:
    shop = served["fastapi"]
    await shop.until_ready()
    before = shop.recovered("packing")
    assert shop.ask("/orders?items=0", method="POST").code == 200  # ends the packer
    await shop.until_healed("packing", before=before)
    assert shop.ask("/orders?items=3", method="POST").code == 200
    await shop.until(lambda: shop.ask("/orders").json == [20], "the order is packed")


async def test_fastapi_the_application_keeps_its_own_paths_and_salus_has_the_rest(
    served: Mapping[str, Served],
) -> None:
    shop = served["fastapi"]
    await shop.until_ready()
    assert {path: shop.ask(path).code for path in ("/livez", "/readyz", "/startupz", "/healthz")} == dict.fromkeys(
        ("/livez", "/readyz", "/startupz", "/healthz"), 200
    )
    assert "[+]packing ok" in shop.ask("/readyz?verbose").body
    assert shop.ask("/metrics").json == {"detail": "Not Found"}
    assert shop.ask("/salus/metrics").code == 200
    assert "/salus" not in shop.ask("/openapi.json").body
    assert shop.ask("/salus").headers["location"] == "/salus/"


async def test_starlette_an_index_that_was_destroyed_is_built_anew(served: Mapping[str, Served]) -> None:
    shop = served["starlette"]
    await shop.until_ready()
    before = shop.recovered("search-index")
    (shop.folder / "index.json").write_text("{", encoding="utf-8")  # who asks now fails, unless Salus was quicker
    await shop.until_healed("search-index", before=before)
    assert shop.ask("/search/chaos").json == {"found": "Chaos Engineering"}


async def test_litestar_a_folder_that_was_taken_away_is_made_anew(served: Mapping[str, Served]) -> None:
    shop = served["litestar"]
    await shop.until_ready()
    assert shop.ask("/uploads/one", method="PUT").json == {"files": 1}
    before = shop.recovered("uploads")
    shutil.rmtree(shop.folder / "uploads")
    await shop.until_healed("uploads", before=before)
    assert shop.ask("/uploads/two", method="PUT").json == {"files": 1}
    # Salus itself may say for a while that its looks began late.
    await shop.until(lambda: shop.ask("/").json == {"shop": "All systems operational"}, "all is well")
    await shop.until(lambda: shop.ask("/health").json == {"status": "healthy"}, "its health")


async def test_flask_a_thread_that_ended_is_started_anew(served: Mapping[str, Served]) -> None:
    shop = served["flask"]
    await shop.until_ready()
    for address in ("nobody", "ada@example.org"):  # the first ends the thread, the second waits for another
        assert shop.ask("/mails", data=f"to={address}", method="POST").code == 200
    await shop.until_healed("mails")
    await shop.until(lambda: shop.ask("/mails").json == ["ada at example.org"], "the mail is sent")
    await shop.until(lambda: shop.check("mails")["message"].startswith("1 sent"), "Salus has seen it")
    done = shop.run("flask", "--app", "flask_app", "salus", "check", "mails")
    assert done == "mails OK - 1 sent, 1 could not be\n"


async def test_django_a_database_that_is_gone_is_made_anew(served: Mapping[str, Served]) -> None:
    shop = served["django"]
    await shop.until_ready()
    assert shop.ask("/users").json == {"users": 0}
    assert {check["name"] for check in shop.status()["checks"]} == {
        "database",
        "health-check-database-default",
        "migrations",
        "salus",
    }
    (shop.folder / "shop.sqlite3").unlink()
    healed = ("database", "migrations")  # whoever opens it first makes an empty one: then only its tables are gone
    await shop.until(lambda: any(shop.recovered(check) for check in healed), "it is healed")
    await shop.until(lambda: shop.ask("/readyz").code == 200, "all is well")
    assert shop.ask("/users").json == {"users": 0}


async def test_django_the_command_asks_the_process_that_serves_and_starts_none(served: Mapping[str, Served]) -> None:
    shop = served["django"]
    await shop.until_ready()
    await shop.until(lambda: shop.check("database")["status"] == "healthy", "the look at what was made anew")
    assert re.search(r"database +healthy", shop.run("django_app", "salus", "status"))
    assert shop.ask("/livez").code == 200


@pytest.mark.parametrize("name", ["fastapi", "litestar", "django"])  # a middleware, a mount, a view
async def test_the_dashboard_works_below_its_mount(served: Mapping[str, Served], name: str) -> None:
    shop = served[name]
    await shop.until_ready()
    token = shop.token()
    page = shop.ask("/salus/health-dashboard/", Authorization=f"Bearer {token}")
    assert page.code == 200, page
    links = set(re.findall(r'(?:href|src|action)="(/[^"]*)"', page.body))
    assert links
    assert all(link.startswith("/salus/") for link in links), links
    for link in sorted(links)[:6]:
        assert shop.ask(link.partition("#")[0], Authorization=f"Bearer {token}").code in (200, 303), link
    told: Any = shop.ask("/salus/api/v1/checks", Authorization=f"Bearer {token}").json
    assert "salus" in {check["name"] for check in told["items"]}


def test_every_example_is_run_here_or_beside() -> None:
    there = {path.stem for path in EXAMPLES.glob("*_app.py")}
    run = " ".join(word for command in SERVERS.values() for word in command)
    assert {name for name in there if not re.search(rf"\b{name}\b", run)} == set()
