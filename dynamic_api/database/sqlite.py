"""A SQLite file as the database: reads on the event loop over one held connection, writes by one thread.

It commits together what waits together, which is on disk by then (`synchronous = FULL`, DESIGN.md D11).

Measured: MEASURED.md 3.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any, TypeVar

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from dynamic_api.database import at_end
from dynamic_api.database.engine import BUSY_SECONDS, STAMP_SECONDS, Work, unavailable
from dynamic_api.database.writer import Writer
from dynamic_api.errors import Unavailable

T = TypeVar("T")
_TOGETHER = 256
"""Pieces of work in one transaction at the most, so that none waits for long."""


class SQLite:
    """A SQLite file, for one process of the API."""

    def __init__(self, url: URL, before_commit: Work[None] | None = None) -> None:
        self.engine = sqlite_engine(url)
        self._reader = self.engine.connect()
        self._reader.exec_driver_sql("PRAGMA query_only = ON")
        self._raw = self._reader.connection.cursor()
        self._writer = Writer(self.engine, before_commit, most=_TOGETHER, begins="BEGIN IMMEDIATE")
        self._file = url.database
        self._inode = _inode(self._file)
        self._stamp = 0
        self._stamped_until = 0.0

    async def stamp(self) -> int:
        return self.stamp_at_hand()

    def stamp_at_hand(self) -> int:
        now = time.monotonic()
        if now >= self._stamped_until:
            self._raw.execute("PRAGMA data_version")
            row: Any = self._raw.fetchone()
            self._stamp = int(row[0])
            self._stamped_until = now + STAMP_SECONDS
        return self._stamp

    def stamp_soon(self) -> None:
        return None

    async def read(self, work: Work[T]) -> T:
        self._require_file()
        try:
            return work(self._reader)
        except DBAPIError as error:
            raise unavailable(error) from error

    async def survey(self, work: Work[T]) -> T:
        try:
            return await asyncio.to_thread(self._survey, work)
        except DBAPIError as error:
            raise unavailable(error) from error

    def _survey(self, work: Work[T]) -> T:
        with self.engine.connect() as connection:
            return work(connection)

    async def write(self, work: Work[T]) -> T:
        self._require_file()
        try:
            return await asyncio.wrap_future(self._writer.submit(work))
        except DBAPIError as error:
            raise unavailable(error) from error
        finally:
            self._stamped_until = 0.0

    def _require_file(self) -> None:
        """Raise Unavailable when our file has gone from its place: nobody would see what is written to it."""
        if _inode(self._file) != self._inode:
            raise Unavailable(
                "database_unavailable",
                "the file of the database was moved, removed or replaced",
                mend="put it back, or start the server again",
            )

    def close(self) -> None:
        self._writer.close()
        self._reader.close()
        self.engine.dispose()


def _inode(file: str | None) -> tuple[int, int] | None:
    """Which file there is at a path; None for none, and for a database in memory."""
    try:
        found = os.stat(file or "")  # noqa: PTH116 - a Path costs more than the look
    except OSError:
        return None
    return found.st_dev, found.st_ino


def sqlite_engine(url: URL) -> Engine:
    """An engine whose connections leave transactions to us, and are set up alike."""
    engine = create_engine(
        url,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        isolation_level="AUTOCOMMIT",
        # What is written into a row must not get into a traceback, and so into the log.
        hide_parameters=True,
    )
    event.listen(engine, "connect", _set_up)
    at_end.follow_savepoints(engine)
    return engine


def _set_up(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "cache_size = -8192",
        "temp_store = MEMORY",
        "trusted_schema = OFF",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
