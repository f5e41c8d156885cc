"""The sql check, against a real PostgreSQL, a real MariaDB and SQLite."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from salus.checks._sql_session import THREADS
from salus.checks.sql import Sql
from salus.errors import CheckBrokenError
from salus.model import Cause, Status
from salus.ports import Check
from salus.secret import Secret
from salus.units import Duration
from tests.looks import eventually, look_at, look_once, site
from tests.servers.peers import PASSWORD, MariadbPeer, PostgresqlPeer

SLOW = {"postgresql": "SELECT pg_sleep(30)", "mariadb": "SELECT SLEEP(30)"}
Server = PostgresqlPeer | MariadbPeer


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "shop & more.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE jobs (age REAL); INSERT INTO jobs VALUES (1), (2), (3);")
    return path


@pytest.fixture(scope="module")
def tables(postgresql: PostgresqlPeer, mariadb: MariadbPeer) -> None:
    postgresql.run("CREATE TABLE jobs (age float)", "INSERT INTO jobs VALUES (1), (2), (3)")
    mariadb.run("CREATE OR REPLACE TABLE shop.jobs (age double)", "INSERT INTO shop.jobs VALUES (1), (2), (3)")


@pytest.fixture(params=["postgresql", "mariadb", "sqlite"])
def url(request: pytest.FixtureRequest, tables: None) -> str:
    where = request.getfixturevalue(request.param)
    text = {
        "postgresql": lambda: f"postgresql://postgres:{PASSWORD}@127.0.0.1:{where.port}/postgres",
        "mariadb": lambda: f"mariadb://watcher:{PASSWORD}@127.0.0.1:{where.port}/shop",
        "sqlite": lambda: f"sqlite:///{where}",
    }[request.param]()
    Sql(url=text).build(site())  # imports the driver, which reads files
    return text


@pytest.fixture(params=["postgresql", "mariadb"])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


def check_of(server: Server, **options: Any) -> Check:
    password = options.pop("password", Secret(PASSWORD))
    maria = isinstance(server, MariadbPeer)
    user, base = ("mariadb://watcher", "shop") if maria else ("postgresql://postgres", "postgres")
    found = Sql(url=f"{user}@127.0.0.1:{server.port}/{base}", password=password, **options)
    assert found.problems() == []
    return found.build(site())


# ── What it says ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_on_either_loop_a_database_answers(url: str) -> None:
    seen = await look_once(Sql(url=url))
    assert seen.status is Status.HEALTHY
    assert " answered 1 in " in seen.message
    assert PASSWORD not in seen.message
    assert {"latency_seconds", "query_seconds", "connect_seconds"} <= set(seen.metrics)
    assert (seen.metrics["value"].value, seen.metrics["rows"].value) == (1, 1)


async def test_numbers_become_metrics_under_the_names_of_their_columns(url: str) -> None:
    query = "SELECT count(*) AS waiting, max(age) AS oldest_seconds, 'x' AS word FROM jobs"
    seen = await look_once(Sql(url=url, query=query))
    assert {name: seen.metrics[name].value for name in ("value", "waiting", "oldest_seconds")} == {
        "value": 3, "waiting": 3, "oldest_seconds": 3,
    }  # fmt: skip
    assert seen.metrics["oldest_seconds"].unit == "seconds"
    assert "word" not in seen.metrics
    assert "answered 3 (the first of 3 columns) in" in seen.message


@pytest.mark.parametrize(
    "options, status, said",
    [
        ({"expect": 3}, Status.HEALTHY, "answered 3"),
        ({"expect": 4}, Status.UNHEALTHY, "expected 4, got 3"),
        ({"expect": "3"}, Status.UNHEALTHY, "expected '3', got 3"),
        ({"value_below": 3}, Status.UNHEALTHY, "got 3, expected below 3"),
        ({"value_above": 2, "warn_value_above": 3}, Status.DEGRADED, "got 3, expected above 3"),
        ({"query": "SELECT age FROM jobs", "rows_below": 3}, Status.UNHEALTHY, "got 3 rows, expected below 3"),
        ({"query": "SELECT age FROM jobs ORDER BY 1"}, Status.HEALTHY, "answered 1.0 (the first of 3 rows)"),
        ({"query": "SELECT age FROM jobs WHERE age > 9", "rows_below": 1}, Status.HEALTHY, "answered no row"),
        ({"query": "SELECT age FROM jobs WHERE age > 9", "expect": 1}, Status.UNHEALTHY, "expected 1, got no row"),
        ({"query": "SELECT max(age) FROM jobs WHERE age > 9", "value_below": 9}, Status.UNHEALTHY, "got NULL"),
        ({"query": "SELECT '10% :x %s'", "expect": "10% :x %s"}, Status.HEALTHY, "answered '10% :x %s'"),
        ({"query": "SELECT 1 = 1", "expect": True}, Status.HEALTHY, ""),
        ({"latency_below": Duration(1e-9)}, Status.DEGRADED, "expected an answer in under"),
    ],
)
async def test_the_answer_is_held_against_what_is_expected(
    url: str, options: dict[str, Any], status: Status, said: str
) -> None:
    seen = await look_once(Sql(url=url, **{"query": "SELECT count(*) FROM jobs", **options}))
    assert seen.status is status, seen.message
    assert said in seen.message


async def test_of_a_huge_answer_only_so_many_rows_are_fetched(url: str) -> None:
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i FROM n"
    query = "SELECT seq FROM seq_1_to_20000" if url.startswith("mariadb") else many
    seen = await look_once(Sql(url=url, query=query, rows_above=9999))
    assert seen.status is Status.HEALTHY, seen.message
    assert seen.metrics["rows"].value == 10_000
    assert "the first of more than 10000 rows" in seen.message


# ── What it does not do ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_query_that_writes_is_refused_and_nothing_is_written(url: str) -> None:
    with pytest.raises(CheckBrokenError) as told:
        await look_once(Sql(url=url, query="INSERT INTO jobs VALUES (9)"))
    assert (told.value.cause, "read_only" in str(told.value.remedy)) == (Cause.PERMISSION, True)


async def test_what_is_written_all_the_same_is_rolled_back(url: str) -> None:
    await look_once(Sql(url=url, query="INSERT INTO jobs VALUES (9)", read_only=False))
    seen = await look_once(Sql(url=url, query="SELECT count(*) FROM jobs"))
    assert seen.metrics["value"].value == 3


@pytest.mark.parametrize("query", ["SELEKT 1", "SELECT * FROM nowhere", "SELECT nothing FROM jobs"])
async def test_a_query_that_cannot_be_understood_is_no_verdict_and_keeps_the_connection(url: str, query: str) -> None:
    check = Sql(url=url, query=query).build(site())
    told = []
    for _ in range(2):
        with pytest.raises(CheckBrokenError) as error:
            await look_at(check)
        told.append(error.value)
    assert [error.cause for error in told] == [Cause.NOT_KNOWN] * 2
    assert check._kept.connect_seconds is None  # type: ignore[attr-defined]
    await check.aclose()


async def test_text_cannot_be_above_or_below_a_number(url: str) -> None:
    with pytest.raises(CheckBrokenError, match="gives 'x'"):
        await look_once(Sql(url=url, query="SELECT 'x'", value_above=1))


async def test_the_server_stops_a_statement_before_the_check_times_out(server: Server) -> None:
    query = SLOW["mariadb" if isinstance(server, MariadbPeer) else "postgresql"]
    check = check_of(server, query=query)
    seen = await look_at(check, timeout=2)
    assert (seen.status, seen.cause) == (Status.UNHEALTHY, Cause.TIMEOUT), seen.message
    assert "in time" in seen.message
    await eventually(lambda: server.running() == 0, "the statement to end")
    await check.aclose()
    maria = isinstance(server, MariadbPeer)
    bound = (
        "SELECT @@max_statement_time * 1000"
        if maria
        else "SELECT setting FROM pg_settings WHERE name = 'statement_timeout'"
    )
    seen = await look_once(check_of(server, query=bound), timeout=20)
    assert 10_000 < float(seen.message.partition("answered ")[2].split()[0].strip("'")) < 15_001


async def test_a_look_that_is_cancelled_cancels_its_statement_at_the_server(server: Server) -> None:
    query = SLOW["mariadb" if isinstance(server, MariadbPeer) else "postgresql"]
    check = check_of(server, query=query)
    looking = asyncio.get_running_loop().create_task(look_at(check))
    await eventually(lambda: server.running() == 1, "the statement to run")
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    await eventually(lambda: server.running() == 0, "the statement to be cancelled")
    await eventually(lambda: server.connected() == 0, "its connection to be closed")
    await eventually(lambda: THREADS.busy == 0, "its thread to end")
    await check.aclose()


async def test_a_statement_of_sqlite_is_stopped_too(sqlite: Path) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    seen = await look_once(Sql(url=f"sqlite:///{sqlite}", query=endless), timeout=2)
    assert (seen.status, seen.cause) == (Status.UNHEALTHY, Cause.TIMEOUT)


# ── Logins ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("password", ["n0t-the-pa55word", "n0t-€-pa55word"])
async def test_a_wrong_password_is_unhealthy_and_told_without_it(server: Server, password: str) -> None:
    check = check_of(server, password=Secret(password))
    for _ in range(3):
        seen = await look_at(check)
        assert (seen.status, seen.cause) == (Status.UNHEALTHY, "login_refused")
        assert "refuses our login" in seen.message
        assert password not in seen.message
    await eventually(lambda: server.connected() == 0, "nothing to be left")
    await check.aclose()


async def test_a_database_that_is_not_there_is_no_verdict(server: Server) -> None:
    maria = isinstance(server, MariadbPeer)
    place = f"{'mariadb://watcher' if maria else 'postgresql://postgres'}@127.0.0.1:{server.port}/nowhere"
    with pytest.raises(CheckBrokenError, match="nowhere") as told:
        await look_once(Sql(url=place, password=Secret(PASSWORD)))
    assert told.value.cause == Cause.NOT_KNOWN


async def test_what_our_user_may_not_read_is_no_verdict(mariadb: MariadbPeer) -> None:
    with pytest.raises(CheckBrokenError) as told:
        await look_once(check_of(mariadb, query="SELECT count(*) FROM mysql.global_priv"))
    assert told.value.cause == Cause.PERMISSION


async def test_a_unix_socket_is_connected_to(server: Server) -> None:
    if isinstance(server, MariadbPeer):
        text = f"mariadb://watcher@/shop?unix_socket={server.socket}"
    else:
        folder = server.program._log.parent
        text = f"postgresql://postgres@:{server.port}/postgres?host={folder}"
    seen = await look_once(Sql(url=text, password=Secret(PASSWORD)))
    assert seen.status is Status.HEALTHY, seen.message


# ── Files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(CheckBrokenError) as told:
        await look_once(Sql(url=f"sqlite:///{tmp_path}/none.db"))
    assert told.value.cause == Cause.MISSING_FILE
    assert list(tmp_path.iterdir()) == []


async def test_a_file_that_was_replaced_is_opened_anew(tmp_path: Path) -> None:
    path, other = tmp_path / "shop.db", tmp_path / "other.db"
    for place, value in ((path, 1), (other, 2)):
        with closing(sqlite3.connect(place)) as connection:
            connection.executescript(f"CREATE TABLE t (x); INSERT INTO t VALUES ({value});")
    check = Sql(url=f"sqlite:///{path}", query="SELECT x FROM t").build(site())
    assert (await look_at(check)).metrics["value"].value == 1
    other.replace(path)
    seen = await look_at(check)
    assert seen.metrics["value"].value == 2
    assert "is another file now" in seen.message
    await check.aclose()


async def test_a_file_that_is_no_database_and_one_that_is_locked_are_unhealthy(tmp_path: Path) -> None:
    rubbish = tmp_path / "rubbish.db"
    rubbish.write_bytes(b"no database at all " * 100)
    seen = await look_once(Sql(url=f"sqlite:///{rubbish}", query="SELECT count(*) FROM sqlite_master"))
    assert (seen.status, "not a database" in seen.message) == (Status.UNHEALTHY, True)
    held = tmp_path / "held.db"
    with closing(sqlite3.connect(held, isolation_level=None)) as connection:
        connection.executescript("CREATE TABLE t (x); BEGIN EXCLUSIVE;")
        seen = await look_once(Sql(url=f"sqlite:///{held}", query="SELECT count(*) FROM t"), timeout=2)
    assert (seen.status, seen.cause) == (Status.UNHEALTHY, "locked"), seen.message
