"""What is broken, how Salus is expected to see it, and how to find out without Salus whether it works again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from salus.demo.shop import MOST_UPLOADS, Identity, Shop, identify, wait_until

_LEAK_BOUND = 96 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to break the shop.

    Attributes:
        key: its name for ``--only``.
        title: what happens, in the table.
        story: what happens, in a sentence.
        seen_by: checks of which one must notice it.
        rules: rules that may act on it.
        replaces: the service that must be replaced by a new copy; None where no service may be.
        held: checks that fail too, because they depend on what is broken; nobody may act on them.
        inject: breaks it, and returns when it did, in seconds since the epoch.
        proof: looks whether all of it works again, and yields what does not.
    """

    key: str
    title: str
    story: str
    seen_by: tuple[str, ...]
    rules: tuple[str, ...]
    replaces: str | None
    held: tuple[str, ...] = ()
    inject: Callable[[Shop], float]
    proof: Callable[[Shop], Iterator[str]]


def _send(service: str, number: signal.Signals) -> Callable[[Shop], float]:
    def inject(shop: Shop) -> float:
        return _kill(shop.pid(service), number)

    return inject


def _kill(pid: int, number: signal.Signals) -> float:
    moment = time.time()
    os.kill(pid, number)
    return moment


def _fill(shop: Shop) -> float:
    moment = time.time()
    for number in range(MOST_UPLOADS + 50):
        (shop.uploads / f"upload-{number:03}.tmp").write_bytes(b"\0" * 1024)
    return moment


def _corrupt(shop: Shop) -> float:
    moment = time.time()
    shop.cache.write_bytes(shop.cache.read_bytes()[:-20])
    return moment


# ── proofs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _api_works(shop: Shop) -> Iterator[str]:
    status, body = shop.get("api", "/health")
    if status != 200:
        yield f"the API answers {status or 'nothing'}: {body[:80]!r}"
    yield from _customer_is_served(shop)


def _customer_is_served(shop: Shop) -> Iterator[str]:
    status, body = shop.get("web", "/api/items")
    if status != 200 or b"kettle" not in body:
        yield f"a customer gets {status or 'no answer'} instead of tea: {body[:80]!r}"


def _web_works(shop: Shop) -> Iterator[str]:
    status, body = shop.get("web", "/")
    if status != 200 or b"tea" not in body:
        yield f"the shop window shows {status or 'nothing'}: {body[:80]!r}"
    yield from _customer_is_served(shop)


def _worker_works(shop: Shop) -> Iterator[str]:
    before = shop.packed()
    if not wait_until(lambda: shop.packed() not in (before, -1), 2.0):
        yield "the worker packs no orders"
    if (used := shop.memory("worker")) >= _LEAK_BOUND:
        yield f"the worker still holds {used / 2**20:.0f} MiB"


def _db_works(shop: Shop) -> Iterator[str]:
    if (answer := shop.ask_db("PING")) != "PONG":
        yield f"the database answers {answer!r} to PING"
    yield from _api_works(shop)


def _folder_is_clean(shop: Shop) -> Iterator[str]:
    if (left := len(list(shop.uploads.glob("*.tmp")))) >= MOST_UPLOADS:
        yield f"{left} temporary files are still there"
    if (kept := len(list(shop.uploads.glob("*.pdf")))) != 3:
        yield f"{3 - kept} invoices were removed with the temporary files"


def _cache_is_whole(shop: Shop) -> Iterator[str]:
    if (items := shop.cached_items()) != ["cups", "kettle", "tea"]:
        yield f"the cache holds {items}"
    yield from _api_works(shop)


class _LoneWorkers:
    """Kills only the main process of the web server: its workers live on and hold the port."""

    def __init__(self) -> None:
        self._orphans: frozenset[Identity] = frozenset()

    def inject(self, shop: Shop) -> float:
        self._orphans = shop.web_workers()
        return _kill(shop.pid("web"), signal.SIGKILL)

    def proof(self, shop: Shop) -> Iterator[str]:
        if left := [orphan.pid for orphan in self._orphans if identify(orphan.pid) == orphan]:
            yield f"workers of the dead web server still run: {left}"
        if not shop.web_workers():
            yield "the new web server has no workers"
        yield from _web_works(shop)


def all_faults() -> list[Fault]:
    """Return every fault, in the order of the tour."""
    lone_workers = _LoneWorkers()
    return [
        Fault(
            key="kill",
            title="API killed (SIGKILL)",
            story="The API process is killed with SIGKILL.",
            seen_by=("api-up", "api-health"),
            rules=("api-up", "api-health"),
            replaces="api",
            inject=_send("api", signal.SIGKILL),
            proof=_api_works,
        ),
        Fault(
            key="hang",
            title="API hangs (SIGSTOP)",
            story="The API process is frozen with SIGSTOP: its port still takes connections, and nobody answers.",
            seen_by=("api-health", "api-up"),
            rules=("api-health", "api-up"),
            replaces="api",
            inject=_send("api", signal.SIGSTOP),
            proof=_api_works,
        ),
        Fault(
            key="leak",
            title="worker leaks memory",
            story="The worker begins to lose 8 MiB with every order; 96 MiB are allowed.",
            seen_by=("worker-memory",),
            rules=("worker-memory",),
            replaces="worker",
            inject=_send("worker", signal.SIGUSR1),
            proof=_worker_works,
        ),
        Fault(
            key="deaf",
            title="API stops listening",
            story="The API process lives, and its port is closed.",
            seen_by=("api-health",),
            rules=("api-health",),
            replaces="api",
            inject=_send("api", signal.SIGUSR1),
            proof=_api_works,
        ),
        Fault(
            key="errors",
            title="API answers 500",
            story="The API goes wrong inside and answers 500 to everybody.",
            seen_by=("api-health",),
            rules=("api-health",),
            replaces="api",
            inject=_send("api", signal.SIGUSR2),
            proof=_api_works,
        ),
        Fault(
            key="folder",
            title="upload folder fills up",
            story="150 temporary files appear in the upload folder; fewer than 100 are allowed. Invoices lie there "
            "too, and must stay.",
            seen_by=("uploads",),
            rules=("uploads",),
            replaces=None,
            inject=_fill,
            proof=_folder_is_clean,
        ),
        Fault(
            key="cache",
            title="cache file corrupted",
            story="The cache file loses its end, so the API that reads it fails: the file is rebuilt, not the API.",
            seen_by=("cache",),
            rules=("cache",),
            replaces=None,
            inject=_corrupt,
            proof=_cache_is_whole,
        ),
        Fault(
            key="dependency",
            title="database killed, API fails",
            story="The database dies and replays its journal for a while, so API and shop fail: only the database "
            "may be restarted.",
            seen_by=("db-up", "db-answers"),
            rules=("db-up", "db-answers"),
            replaces="db",
            held=("api-health", "checkout"),
            inject=_send("db", signal.SIGKILL),
            proof=_db_works,
        ),
        Fault(
            key="orphans",
            title="web server's master killed",
            story="nginx's main process is killed with SIGKILL; its workers live on, hold the port and answer.",
            seen_by=("web-up", "web-page"),
            rules=("web-up", "web-page"),
            replaces="web",
            inject=lone_workers.inject,
            proof=lone_workers.proof,
        ),
    ]
