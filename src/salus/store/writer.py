"""The one thread that writes: jobs in, in order; whatever has queued up meanwhile shares one transaction."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Generic, TypeAlias, TypeVar

from salus.errors import StoreError, StoreUnwritableError
from salus.store.faults import refused, unwritable, writing
from salus.store.ledger import connect_writer
from salus.store.work import Work

T = TypeVar("T")
Answer: TypeAlias = "tuple[asyncio.Future[Any], Any, Exception | None]"

_TOGETHER = 64  # batches that share a transaction at most: bounds what one failure makes us do again


class Job(Generic[T]):
    """Something for a thread to do, and the future of whoever waits for it."""

    __slots__ = ("call", "future", "loop")

    def __init__(self, call: Callable[[], T]) -> None:
        """Be called from a running event loop."""
        self.call = call
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[T] = self.loop.create_future()

    def run(self) -> None:
        """Do it on this thread and answer."""
        try:
            result = self.call()
        except Exception as error:  # noqa: BLE001  # it belongs to whoever waits
            answer(self.loop, [(self.future, None, error)])
        else:
            answer(self.loop, [(self.future, result, None)])


class WriteJob:
    """A batch to write; what is costly to put into rows becomes rows on the writing thread."""

    __slots__ = ("_make", "future", "loop", "work")

    def __init__(self, make: Callable[[], Work]) -> None:
        """Be called from a running event loop."""
        self.work: Work = []
        self._make: Callable[[], Work] | None = make
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[None] = self.loop.create_future()

    def made(self) -> Work:
        """Return the rows, made once."""
        if self._make is not None:
            self.work, self._make = self._make(), None
        return self.work


def answer(loop: asyncio.AbstractEventLoop, answers: list[Answer]) -> None:
    """Hand results to the loop that waits for them; nobody waits any more once it is closed."""
    try:
        loop.call_soon_threadsafe(_deliver, answers)
    except RuntimeError:
        return


def _deliver(answers: list[Answer]) -> None:
    for future, result, error in answers:
        if future.done():
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


class Writer:
    """Owns the writing connection. All public methods are called on the event loop, all others on its own thread."""

    def __init__(
        self,
        path: Path,
        *,
        prepare: Callable[[], None],
        committed: Callable[[int], None],
        closing: Callable[[], None],
    ) -> None:
        """Say how the file is made ready and what follows a commit or precedes a closing; all on the writing thread.

        Args:
            path: the ledger.
            prepare: makes and proves the file, before it is opened.
            committed: is told how many rows each transaction held.
            closing: lets go of other connections, so that SQLite can tidy up behind the last one.
        """
        self._path = path
        self._prepare = prepare
        self._closing = closing
        self._committed = committed
        self._queue: SimpleQueue[WriteJob | Job[Any] | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._db: sqlite3.Connection | None = None
        self._identity: tuple[int, int] = (0, 0)

    async def write(self, make: Callable[[], Work]) -> None:
        """Write the rows that ``make`` makes; on return they are committed.

        A caller that is cancelled may or may not have written.

        Raises:
            StoreUnwritableError: nothing of them was written.
        """
        job = WriteJob(make)
        self._put(job)
        await job.future

    async def change(self, sql: str, values: Mapping[str, Any]) -> int:
        """Carry out one statement in a transaction of its own; return how many rows it changed.

        Raises:
            StoreUnwritableError: nothing was written.
        """
        return await self._do(lambda: self._change(sql, values))

    async def open(self) -> None:
        """Make the file ready and open it.

        Raises:
            StoreUnreadableError: it is there and cannot be trusted.
            StoreUnwritableError: it cannot be written now.
        """
        await self._do(self.connect)

    async def _do(self, function: Callable[[], T]) -> T:
        job = Job(function)
        self._put(job)
        return await job.future

    def _put(self, job: WriteJob | Job[Any]) -> None:
        if self._thread is None:
            self._thread = Thread(target=self._run, name="salus-store-writer", daemon=True)
            self._thread.start()
        self._queue.put(job)

    async def close(self) -> None:
        """Finish what has queued up, close the file and end the thread."""
        if self._thread is None:
            return
        await self._do(self.disconnect)
        self._queue.put(None)
        self._thread.join()
        self._thread = None

    # ── on the thread ──

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            if isinstance(job, Job):
                job.run()
            elif (after := self._write_all(job)) is not None:
                after.run()

    def _write_all(self, first: WriteJob) -> Job[Any] | None:
        """Write a batch with all that wait behind it; return the first job of another sort that came up."""
        jobs, other = [first], None
        while len(jobs) < _TOGETHER:
            try:
                job = self._queue.get_nowait()
            except Empty:
                break
            if isinstance(job, WriteJob):
                jobs.append(job)
                continue
            if job is None:
                self._queue.put(None)  # the end: seen again when these are written
            other = job
            break
        self._write_jobs(jobs)
        return other

    def _write_jobs(self, jobs: list[WriteJob]) -> None:
        error = self._try(jobs)
        if error is not None and len(jobs) > 1:  # one of them spoils it for all: each on its own
            for job in jobs:
                self._write_jobs([job])
            return
        by_loop: dict[asyncio.AbstractEventLoop, list[Answer]] = {}
        for job in jobs:
            by_loop.setdefault(job.loop, []).append((job.future, None, error))
        for loop, answers in by_loop.items():
            answer(loop, answers)
        if error is None:
            self._committed(sum(len(rows) for job in jobs for _, rows in job.work))

    def _try(self, jobs: list[WriteJob]) -> StoreUnwritableError | None:
        """Write all of it in one transaction, or none of it."""
        try:
            works = [job.made() for job in jobs]
            self._transact(self._connection(), works)
        except Exception as error:  # noqa: BLE001  # whatever it is, somebody waits to be told
            return self._said(error)
        return None

    def _change(self, sql: str, values: Mapping[str, Any]) -> int:
        try:
            count = self._connection().execute(sql, values).rowcount
        except Exception as error:
            raise self._said(error) from error
        self._committed(count)
        return count

    def _said(self, error: Exception) -> StoreUnwritableError:
        """Say why something could not be written."""
        if isinstance(error, StoreUnwritableError):
            return error
        if isinstance(error, StoreError):
            return unwritable(self._path, f"cannot be opened again: {error}", error.remedy or "")
        if isinstance(error, sqlite3.Error):
            return writing(self._path, error)
        return refused(self._path, f"cannot take the rows ({error})")  # a value of a type that SQLite does not take

    @staticmethod
    def _transact(db: sqlite3.Connection, works: list[Work]) -> None:
        execute, executemany = db.execute, db.executemany
        execute("BEGIN IMMEDIATE")
        try:
            for work in works:
                for sql, rows in work:
                    if len(rows) == 1:
                        execute(sql, rows[0])
                    else:
                        executemany(sql, rows)
            execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    def connect(self) -> None:
        """Make the file ready and open it for writing, if it is not open; on the writing thread.

        Raises:
            StoreUnreadableError: it is there and cannot be trusted.
            StoreUnwritableError: it cannot be written now.
        """
        if self._db is None:
            self._prepare()
            self._db = connect_writer(self._path)
            found = self._path.stat()
            self._identity = (found.st_dev, found.st_ino)

    def _connection(self) -> sqlite3.Connection:
        """Return the open file, having made sure that it still is the one under its name."""
        if self._db is None:
            self.connect()
        elif self._gone():
            self.disconnect()
            what = "was removed or replaced while Salus was running"
            raise unwritable(self._path, what, "Leave the files in the state folder alone; a new ledger is made now")
        assert self._db is not None  # noqa: S101  # connect() sets it or raises
        return self._db

    def _gone(self) -> bool:
        try:
            found = self._path.stat()
        except OSError:
            return True
        return (found.st_dev, found.st_ino) != self._identity

    def disconnect(self) -> None:
        """Close the file; on the writing thread."""
        if self._db is not None:
            db, self._db = self._db, None
            self._closing()
            db.close()
