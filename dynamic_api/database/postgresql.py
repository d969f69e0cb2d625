"""A PostgreSQL server as the database: reads and writes in threads over a pool."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import create_engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError

from dynamic_api.database.engine import BUSY_SECONDS, Work, unavailable
from dynamic_api.database.snapshots import Snapshot, Snapshots

T = TypeVar("T")
_DEADLOCK_TRIES = 4


class PostgreSQL:
    """A PostgreSQL server, shared by as many processes as it takes."""

    def __init__(self, url: URL, pool_size: int, before_commit: Work[None] | None = None) -> None:
        self.engine = create_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=BUSY_SECONDS,
            pool_pre_ping=True,
            pool_use_lifo=True,
            hide_parameters=True,
        )
        self._reading = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._snapshots = Snapshots(self.engine.dialect.create_connect_args(url)[1])
        self._threads = ThreadPoolExecutor(pool_size, thread_name_prefix="database")
        self._before_commit = before_commit

    async def stamp(self) -> Snapshot:
        return await self._snapshots.current()

    async def read(self, work: Work[T]) -> T:
        return await self._in_thread(lambda: self._read(work))

    async def survey(self, work: Work[T]) -> T:
        return await self.read(work)

    async def write(self, work: Work[T]) -> T:
        return await self._in_thread(lambda: self._write(work))

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
        with self._reading.connect() as connection:
            return work(connection)

    def _write(self, work: Work[T]) -> T:
        for tries_left in reversed(range(_DEADLOCK_TRIES)):
            try:
                return self._transaction(work)
            except OperationalError as error:
                if not tries_left or not _lost_a_race(error):
                    raise
        raise AssertionError("the loop returns or raises")

    def _transaction(self, work: Work[T]) -> T:
        try:
            with self.engine.begin() as connection:
                answer = work(connection)
                if self._before_commit is not None:
                    self._before_commit(connection)
                return answer
        finally:
            self._snapshots.forget()


def _lost_a_race(error: OperationalError) -> bool:
    """Whether PostgreSQL undid the transaction for another's sake: deadlock or serialization failure."""
    return getattr(error.orig, "sqlstate", None) in {"40P01", "40001"}
