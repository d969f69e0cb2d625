"""A PostgreSQL server as the database: reads in threads over a pool, writes together in one (docs/adr/0023).

What cannot be written together is written in a transaction of its own, in a thread of the pool: what
the writer is too slow for, what would wait for the lock of another, and what was undone with its connection.

A connection is taken from the pool as it is, without a query that tests it, and given back without one that
cleans it: each query is a round trip. One that was cut shows at its first query, and what was to be done is
done again on another: a read always, a write as long as its COMMIT was not sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import TypeVar

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from dynamic_api.database import at_end
from dynamic_api.database.engine import BUSY_SECONDS, Work, unavailable
from dynamic_api.database.snapshots import Snapshot, Snapshots
from dynamic_api.database.transaction import COMMIT, begin, commit, undo
from dynamic_api.database.writer import UndoneError, Writer

T = TypeVar("T")
_TRIES = 4
_TOGETHER = 32
"""Pieces of work in one transaction at the most: each is a subtransaction."""
_SLOW_SECONDS = 0.25
"""Work that waits while the writer is at one other for so long waits for it no longer."""
_LOCK_MS = 200
"""How long the writer waits for a lock: it holds many, and a deadlock is noticed only after a second."""
_GIVEN_BACK = {"40P01", "40001", "55P03", "23503"}
"""For another's sake: deadlock, serialization failure, a lock that was not to be had in time, or a row that
was referred to and is gone since it was read; the next try does not find it."""


class PostgreSQL:
    """A PostgreSQL server, shared by as many processes as it takes."""

    def __init__(self, url: URL, pool_size: int, before_commit: Work[None] | None = None) -> None:
        self.engine = postgresql_engine(url, pool_size)
        self._snapshots = Snapshots(self.engine.dialect.create_connect_args(url)[1])
        self._writers_engine = _impatient(postgresql_engine(url, 1))
        self._writer = Writer(self._writers_engine, before_commit, most=_TOGETHER)
        self._threads = ThreadPoolExecutor(pool_size, thread_name_prefix="database")
        self._before_commit = before_commit

    async def stamp(self) -> Snapshot:
        return await self._snapshots.current()

    def stamp_at_hand(self) -> Snapshot | None:
        return self._snapshots.at_hand()

    def stamp_soon(self) -> asyncio.Future[Exception | None]:
        return self._snapshots.soon()

    async def read(self, work: Work[T]) -> T:
        return await self._in_thread(lambda: _again(lambda: self._read(work)))

    async def survey(self, work: Work[T]) -> T:
        return await self.read(work)

    async def write(self, work: Work[T]) -> T:
        future = self._writer.submit(work)
        try:
            if await self._is_carried_out(future):
                return future.result()
            return await self._in_thread(lambda: _again(lambda: self._write(work)))
        except DBAPIError as error:
            raise unavailable(error) from error
        finally:
            future.cancel()  # when nobody waits any more
            self._snapshots.forget()

    async def _is_carried_out(self, future: Future[T]) -> bool:
        """Whether the writer did the work, for good or ill; if not, nothing of it was done."""
        outcome = asyncio.wrap_future(future)
        while not (await asyncio.wait([outcome], timeout=_SLOW_SECONDS))[0]:
            if self._writer.busy_seconds >= _SLOW_SECONDS and future.cancel():
                return False
        return not _is_undone(outcome.exception())

    def close(self) -> None:
        self._writer.close()
        self._writers_engine.dispose()
        self._threads.shutdown(wait=True)
        self._snapshots.close()
        self.engine.dispose()

    async def _in_thread(self, call: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except DBAPIError as error:
            raise unavailable(error) from error

    def _read(self, work: Work[T]) -> T:
        with self.engine.connect() as connection:
            return work(connection)

    def _write(self, work: Work[T]) -> T:
        with self.engine.connect() as connection:
            try:
                begin(connection)
                answer = work(connection)
                commit(connection, self._before_commit)
            except BaseException:
                undo(connection)
                raise
        return answer


def postgresql_engine(url: URL, pool_size: int) -> Engine:
    """An engine whose connections leave transactions to us."""
    engine = create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
        pool_reset_on_return=None,
        skip_autocommit_rollback=True,
        pool_use_lifo=True,
        # What is written into a row must not get into a traceback, and so into the log.
        hide_parameters=True,
    )
    at_end.follow_savepoints(engine)
    return engine


def _impatient(engine: Engine) -> Engine:
    """`engine`, whose connections wait for no lock longer than _LOCK_MS."""

    def set_up(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        with closing(connection.cursor()) as cursor:
            cursor.execute(f"SET lock_timeout = {_LOCK_MS}")

    event.listen(engine, "connect", set_up)
    return engine


def _again(call: Callable[[], T]) -> T:
    """What `call` gives, tried again as long as what it did is certainly undone."""
    for tries_left in reversed(range(_TRIES)):
        try:
            return call()
        except DBAPIError as error:
            if not tries_left or not _is_undone(error):
                raise
    raise AssertionError("the loop returns or raises")


def _is_undone(error: BaseException | None) -> bool:
    """Whether all was certainly undone: for another's sake, or by a cut. Of one at COMMIT nobody knows."""
    if isinstance(error, DBAPIError):
        was_cut = error.connection_invalidated and error.statement != COMMIT
        return was_cut or getattr(error.orig, "sqlstate", None) in _GIVEN_BACK
    return isinstance(error, UndoneError)
