"""Options of the checks of other systems: what is refused, what is missing, what is never shown."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from salus.app.build import resolve
from salus.app.registry import kind
from salus.config import loads
from salus.errors import ConfigError, MissingExtraError
from salus.options import CheckOptions
from tests.looks import site

SECRET = "s3cr3t-pa55word"
# kind -> the least that it wants, the module without which it cannot be, and the extra that brings it.
NEEDS = {
    "sql": ({"url": "postgresql://me@db/shop"}, "psycopg", "postgresql"),
    "sql of MariaDB": ({"url": "mysql://me@db/shop"}, "pymysql", "mariadb"),
    "redis": ({}, "redis", "redis"),
    "smtp": ({}, "aiosmtplib", "email"),
    "websocket": ({"url": "ws://localhost/"}, "websockets", "websocket"),
}


def options(name: str, **given: Any) -> CheckOptions:
    made: CheckOptions = kind("checks", name.partition(" ")[0])(**given)
    return made


@pytest.mark.parametrize("name", NEEDS)
def test_a_missing_driver_is_told_with_the_extra_that_brings_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given, module, extra = NEEDS[name]
    assert options(name, **given).problems() == []
    monkeypatch.setitem(sys.modules, module, None)
    (problem,) = options(name, **given).problems()
    assert f"pip install 'salus[{extra}]'" in problem[1]
    with pytest.raises(MissingExtraError) as told:
        options(name, **given).build(site())
    assert told.value.extra == extra


def test_sqlite_and_memcached_need_no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for _, module, _ in NEEDS.values():
        monkeypatch.setitem(sys.modules, module, None)
    assert options("sql", url="sqlite:////tmp/a.db").problems() == []
    assert options("memcached").problems() == []


@pytest.mark.parametrize(
    "name, given",
    [
        ("sql", {"url": f"postgresql://me:{SECRET}@db/shop?token={SECRET}"}),
        ("redis", {"url": f"redis://me:{SECRET}@cache"}),
        ("websocket", {"url": f"ws://me:{SECRET}@web/?token={SECRET}", "headers": {"X-Key": SECRET}}),
    ],
)
def test_a_password_in_a_url_is_not_in_the_label(name: str, given: dict[str, Any]) -> None:
    made = options(name, **given)
    assert made.problems() == []
    assert SECRET not in repr(made)
    assert SECRET not in str(made.shares)


@pytest.mark.parametrize(
    "url, said",
    [
        (f"postgresql//{SECRET}", "not the URL of a database"),
        (f"postgresql://me:{SECRET}@db:port/shop", "not the URL of a database"),
        (f"nosuch://me:{SECRET}@db/shop", "SQLAlchemy knows no database 'nosuch'"),
        (f"postgresql+psycopg2://me:{SECRET}@db/shop", "psycopg2 of that URL is not installed"),
        (f"postgresql+asyncpg://me:{SECRET}@db/shop", "asyncpg"),
    ],
)
def test_a_url_that_leads_to_no_database_is_refused_and_not_quoted(url: str, said: str) -> None:
    (problem,) = options("sql", url=url).problems()
    assert problem[0] == "url"
    assert said in problem[1]
    assert SECRET not in problem[1]


@pytest.mark.parametrize(
    "given, field",
    [
        ({"url": "sqlite://", "query": " "}, "query"),
        ({"url": "sqlite://", "rows_above": 10_001}, "rows_above"),
        ({"url": "sqlite://", "value_below": 1, "warn_value_below": 2}, "warn_value_below"),
    ],
)
def test_a_query_that_cannot_be_meant_is_refused(given: dict[str, Any], field: str) -> None:
    assert [name for name, _ in options("sql", **given).problems()] == [field]


def test_config_gives_every_type_of_expected_value_as_it_is_written() -> None:
    text = "checks:\n" + "".join(
        f"  c{number}: {{sql: {{url: 'sqlite://', expect: {value}}}}}\n"
        for number, value in enumerate(("1", "1.5", "true", "yes it is", "'1'"))
    )
    found: Any = resolve(loads(text, environ={})).checks
    assert [found[f"c{number}"][1].expect for number in range(5)] == [1, 1.5, True, "yes it is", "1"]


def test_config_says_where_the_mistake_is_and_keeps_the_secret() -> None:
    text = f"checks:\n  db:\n    sql:\n      url: postgres:/me:{SECRET}@db\n"
    with pytest.raises(ConfigError) as told:
        resolve(loads(text, environ={}))
    assert ":4:" in str(told.value)
    assert SECRET not in str(told.value)


def test_the_kinds_alone_load_no_driver() -> None:
    drivers = {"aiosmtplib", "psycopg", "pymysql", "redis", "sqlalchemy", "sqlite3", "websockets"}
    modules = ", ".join(f"salus.checks.{name}" for name in ("memcached", "redis", "smtp", "sql", "websocket"))
    code = f"import sys, {modules}; print(sorted({drivers} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "[]"
