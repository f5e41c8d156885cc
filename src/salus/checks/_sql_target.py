"""From a database's URL to the driver behind it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salus.checks._systems import shown_url
from salus.errors import MissingExtraError, SalusError
from salus.httpclient.dial import Endpoint
from salus.secret import Secret

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

    from salus.checks._sql_backend import Backend

# What people write, the driver that Salus has an extra for, and its usual port.
_OURS = {
    "postgresql": ("postgresql+psycopg", "psycopg", "postgresql", 5432),
    "postgres": ("postgresql+psycopg", "psycopg", "postgresql", 5432),
    "postgresql+psycopg": ("postgresql+psycopg", "psycopg", "postgresql", 5432),
    "mariadb": ("mariadb+pymysql", "pymysql", "mariadb", 3306),
    "mariadb+pymysql": ("mariadb+pymysql", "pymysql", "mariadb", 3306),
    "mysql": ("mysql+pymysql", "pymysql", "mariadb", 3306),
    "mysql+pymysql": ("mysql+pymysql", "pymysql", "mariadb", 3306),
}


class DatabaseUrlError(SalusError):
    """The URL leads to no database that can be asked."""


def url_of(text: str, password: Secret | None) -> URL:
    """Read a URL, and put the password in.

    Raises:
        DatabaseUrlError: it is none; the message never quotes it.
        MissingExtraError: its driver is not installed.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        remedy = "write it like postgresql://user@host/database, mariadb://user@host/database or sqlite:////path"
        raise DatabaseUrlError("that is not the URL of a database", remedy=remedy) from None
    if ours := _OURS.get(url.drivername):
        name, module, extra, _ = ours
        if find_spec(module) is None:
            raise MissingExtraError(f"check 'sql' of a {url.drivername} URL", extra=extra)
        url = url.set(drivername=name)
    if password is not None:
        url = url.set(password=password.reveal())
    return url


def backend_of(text: str, password: Secret | None, *, read_only: bool) -> Backend:
    """Return what connects to a database.

    Raises:
        DatabaseUrlError: there is no such database, or no synchronous driver for it.
        MissingExtraError: its driver is not installed.
    """
    from salus.checks._sql_backend import Backend, Target

    url = url_of(text, password)
    try:
        dialect_type = url.get_dialect()
        dialect = dialect_type(dbapi=dialect_type.import_dbapi())  # type: ignore[call-arg]
    except ImportError as error:
        module = (error.name or "").partition(".")[0] or url.drivername
        remedy = f"pip install {module}, or write postgresql://, mariadb:// or mysql:// for the drivers of our extras"
        raise DatabaseUrlError(f"the driver {module} of that URL is not installed", remedy=remedy) from None
    except Exception as error:
        message = f"SQLAlchemy knows no database {url.drivername!r}"
        raise DatabaseUrlError(message, remedy="write postgresql://, mariadb://, mysql:// or sqlite://") from error
    if dialect.is_async:
        message = f"the driver {dialect.driver} is asynchronous, the check wants another"
        raise DatabaseUrlError(message, remedy="leave the driver out of the URL")
    at = endpoint_of(url)
    place = f"{at}/{url.database or ''}".rstrip("/") if at else str(url.database or shown_url(text))
    target = Target(url=url, dialect=dialect, endpoint=at, place=place, read_only=read_only)
    kind: type[Backend] = Backend
    if dialect.driver == "psycopg":
        from salus.checks._sql_postgresql import Postgresql as kind  # noqa: N813 - one of several
    elif dialect.driver == "pymysql":
        from salus.checks._sql_mariadb import Mariadb as kind  # noqa: N813
    elif dialect.driver == "pysqlite":
        from salus.checks._sql_sqlite import Sqlite as kind  # noqa: N813
    return kind(target)


def endpoint_of(url: URL) -> Endpoint | None:
    """Return where a URL leads; None where it is a file, or where only the driver knows."""
    usual = _OURS.get(url.drivername)
    if usual is None:
        return None
    query: dict[str, Any] = dict(url.query)
    folder = next((value for value in (query.get("unix_socket"), query.get("host"), url.host) if value), "localhost")
    if not isinstance(folder, str) or "," in folder:
        return None
    if folder.startswith("/"):
        named = "unix_socket" not in query and usual[2] == "postgresql"
        return Endpoint(unix_socket=Path(folder, f".s.PGSQL.{url.port or usual[3]}") if named else Path(folder))
    return Endpoint(folder.strip("[]"), url.port or int(query.get("port", usual[3])))
