"""Several processes serve one application: one of them leads, and all say the same."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.acceptance.salus_process import eventually, free_port

HERE = Path(__file__).parent
Serve = Callable[..., "Served"]
WORKERS = 4


class Served:
    """The shop under a gunicorn with four workers."""

    def __init__(self, folder: Path, *options: str, **environ: str) -> None:
        self.folder, self.port = folder, free_port()
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            "-w",
            str(WORKERS),
            "-b",
            f"127.0.0.1:{self.port}",
            *options,
            "shop:app",
        ]
        environ = {**os.environ, "SHOP_FOLDER": str(folder), **environ}
        with (folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=HERE, env=environ, stderr=log)

    def get(self, path: str) -> str:
        """Ask whichever worker takes it."""
        with closing(self._connection()) as connection:
            connection.request("GET", path)
            return connection.getresponse().read().decode()

    def each(self, path: str) -> list[str]:
        """Ask each worker once: all are held, each by a connection that it waits at, before the first is asked."""
        with ExitStack() as held:
            connections = [held.enter_context(closing(self._connection())) for _ in range(WORKERS)]
            for connection in connections:
                connection.connect()
            eventually(lambda: not self._not_taken(), what=f"{WORKERS} workers take a connection each")
            for connection in connections:
                connection.request("GET", path)
            return [connection.getresponse().read().decode() for connection in connections]

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

    def _not_taken(self) -> int:
        """Return how many connections wait until a worker accepts them: what Linux queues at a socket that listens."""
        listens = f"0100007F:{self.port:04X}", "0A"
        sockets = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
        (queues,) = [fields[4] for fields in sockets if (fields[1], fields[3]) == listens]
        return int(queues.partition(":")[2], 16)

    def up(self) -> bool:
        try:
            return bool(self.get("/pid"))
        except OSError:
            return False

    def workers(self) -> set[int]:
        """Return the pids of all."""
        return {int(said.split()[0]) for said in self.each("/pid")}

    def summaries(self) -> set[str]:
        """Return what the workers themselves know of the whole."""
        return {said.split(maxsplit=1)[1] for said in self.each("/pid")}

    def truths(self) -> set[tuple[str, int]]:
        """Return what the workers say of the whole, and which process they say it is: 0 where one cannot tell."""
        reports = [json.loads(said) for said in self.each("/health")]
        return {(report["status"], report.get("system_info", {}).get("pid", 0)) for report in reports}

    @property
    def leader(self) -> int:
        return int((self.folder / "state/salus.lock").read_text(encoding="ascii") or 0)

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    running: list[Served] = []

    def begin(*options: str, **environ: str) -> Served:
        served = Served(tmp_path, *options, **environ)
        running.append(served)
        eventually(served.up, what="gunicorn answers")
        return served

    yield begin
    for served in running:
        served.close()


@pytest.mark.alone
def test_four_workers_one_healer_and_another_within_two_seconds_after_kill_9(serve: Serve) -> None:
    served = serve()
    eventually(lambda: served.truths() == {("healthy", served.leader)}, what="all say the same")
    leader = served.leader
    workers = served.workers()
    assert len(workers) == WORKERS
    assert leader in workers
    (served.folder / "broken").touch()
    eventually(lambda: not (served.folder / "broken").exists(), what="healed")

    os.kill(leader, signal.SIGKILL)
    killed = time.monotonic()
    eventually(lambda: served.leader not in (0, leader), what="another leads")
    assert time.monotonic() - killed < 2
    report = json.loads(served.get("/health"))
    assert (report["status"], report["system_info"]["pid"]) == ("healthy", served.leader)

    (served.folder / "broken").touch()
    eventually(lambda: not (served.folder / "broken").exists(), what="healed again")
    healers = (served.folder / "mended").read_text(encoding="ascii").split()
    assert healers == [str(leader), str(served.leader)]
    eventually(lambda: served.truths() == {("healthy", served.leader)}, what="all say the same")
    # Each worker asks the new leader by itself, once a second: what it says of the whole follows within a moment.
    eventually(lambda: served.summaries() == {"All systems operational"}, what="every worker knows")


def test_a_stopped_leader_costs_no_other_worker_its_liveness_and_leads_on_once_it_goes_on(serve: Serve) -> None:
    served = serve("--timeout", "600")  # gunicorn itself would kill it after that long
    eventually(lambda: served.truths() == {("healthy", served.leader)}, what="all say the same")
    leader = served.leader
    os.kill(leader, signal.SIGSTOP)
    try:
        eventually(lambda: "has not answered" in served.get("/readyz"), what="it is known to be silent")
        assert f"process {leader}" in served.get("/readyz")
        assert {json.loads(served.get("/livez"))["status"] for _ in range(8)} == {"healthy"}
        assert served.leader == leader
    finally:
        os.kill(leader, signal.SIGCONT)
    eventually(lambda: served.truths() == {("healthy", leader)}, what="all say the same again")


def test_started_before_the_workers_are_forked_the_first_process_leads(serve: Serve) -> None:
    served = serve("--preload")
    eventually(lambda: served.truths() == {("healthy", served.process.pid)}, what="the first process leads")
    assert served.process.pid not in served.workers()
    (served.folder / "broken").touch()
    eventually(lambda: not (served.folder / "broken").exists(), what="healed")
    assert (served.folder / "mended").read_text(encoding="ascii").split() == [str(served.process.pid)]


def test_started_by_the_first_request_where_nobody_starts_it(serve: Serve) -> None:
    served = serve(SHOP_LAZY="yes")
    assert "Salus does not run here" in served.get("/pid")
    assert json.loads(served.get("/livez"))["status"] in ("healthy", "unknown")
    eventually(lambda: served.truths() == {("healthy", served.leader)}, what="all say the same")


SCRIPT = """
import os, sys, threading
from salus import HealthSystem
health = HealthSystem("script", state_dir=sys.argv[1])
health.register("fine", lambda: None, interval="50ms", timeout="10s")
health.start()
while health.summary() != "All systems operational": threading.Event().wait(0.01)
if "fork" in sys.argv:
    child = os.fork()
    if child == 0:
        told = health.summary()
        looked = health.run_now_sync("fine")["fine"].status
        print("child", told, looked, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    threading.Event().wait(0.2)
    print("parent", health.summary(), flush=True)
if "left" in sys.argv:
    child = os.fork()
    if child == 0:
        os.closerange(1, 3)
        threading.Event().wait(60)
        os._exit(0)
    print(child, flush=True)
    os.kill(os.getpid(), 9)
"""


def script(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-W",
        "error",
        "-W",
        "ignore::DeprecationWarning",
        "-c",
        SCRIPT,
        str(folder / "state"),
        *words,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_a_script_that_just_ends_ends_salus_in_peace(tmp_path: Path) -> None:
    done = script(tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    events = subprocess.run(
        [sys.executable, "-c", EVENTS, str(tmp_path / "state/ledger.sqlite")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert events.stdout.split()[-1] == "agent_stopped"


EVENTS = """
import sqlite3, sys
print(*[kind for (kind,) in sqlite3.connect(sys.argv[1]).execute("select kind from events order by id")])
"""


def test_a_forked_child_asks_its_parent_and_leaves_it_unharmed(tmp_path: Path) -> None:
    done = script(tmp_path, "fork")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "child the process that leads does not answer healthy",
        "parent All systems operational",
    ] or (done.stdout.splitlines() == ["child All systems operational healthy", "parent All systems operational"])


def test_a_forked_child_that_outlives_its_parent_does_not_keep_the_folder(tmp_path: Path) -> None:
    left = script(tmp_path, "left")
    child = int(left.stdout)
    try:
        again = script(tmp_path)
        assert (again.returncode, again.stderr) == (0, "")
        assert Path("/proc", str(child)).exists()
    finally:
        os.kill(child, signal.SIGKILL)
