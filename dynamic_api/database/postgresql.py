"""A PostgreSQL server as the database: reads and writes in threads over a pool.

A connection is taken from the pool as it is, without a query that tests it, and given back without one that
cleans it: each query is a round trip. One that was cut shows at its first query, and what was to be done is
done again on another: a read always, a write as long as its COMMIT was not sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from dynamic_api.database.engine import BUSY_SECONDS, Work, unavailable
from dynamic_api.database.snapshots import Snapshot, Snapshots

T = TypeVar("T")
_TRIES = 4
_COMMIT = "COMMIT"


class PostgreSQL:
    """A PostgreSQL server, shared by as many processes as it takes."""

    def __init__(self, url: URL, pool_size: int, before_commit: Work[None] | None = None) -> None:
        self.engine = postgresql_engine(url, pool_size)
        self._snapshots = Snapshots(self.engine.dialect.create_connect_args(url)[1])
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
        return await self._in_thread(lambda: _again(lambda: self._write(work)))

    def close(self) -> None:
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
        try:
            with self.engine.connect() as connection:
                return self._transaction(connection, work)
        finally:
            self._snapshots.forget()

    def _transaction(self, connection: Connection, work: Work[T]) -> T:
        connection.exec_driver_sql("BEGIN")
        try:
            answer = work(connection)
            if self._before_commit is not None:
                self._before_commit(connection)
            connection.exec_driver_sql(_COMMIT)
        except BaseException:
            _undo(connection)
            raise
        return answer


def postgresql_engine(url: URL, pool_size: int) -> Engine:
    """An engine whose connections leave transactions to us."""
    return create_engine(
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


def _undo(connection: Connection) -> None:
    """End a transaction that failed; a connection on which that fails goes nowhere else."""
    with suppress(DBAPIError):
        if not connection.invalidated:
            connection.exec_driver_sql("ROLLBACK")
            return
    connection.invalidate()


def _again(call: Callable[[], T]) -> T:
    """What `call` gives, tried again as long as what it did is certainly undone."""
    for tries_left in reversed(range(_TRIES)):
        try:
            return call()
        except (OperationalError, IntegrityError) as error:
            if not tries_left or not (_lost_a_race(error) or _was_cut(error)):
                raise
    raise AssertionError("the loop returns or raises")


def _lost_a_race(error: DBAPIError) -> bool:
    """Whether another transaction is the cause: a deadlock, a serialization failure, or a row that was
    referred to and is gone since it was read; the next try does not find it.
    """
    return getattr(error.orig, "sqlstate", None) in {"40P01", "40001", "23503"}


def _was_cut(error: DBAPIError) -> bool:
    """Whether the connection ended before the end of the transaction: after COMMIT, nobody knows."""
    return error.connection_invalidated and error.statement != _COMMIT
