"""One interface over SQLite and PostgreSQL: `read` and `write` run a plain function on a connection.

SQLite: reads on the event loop over one held connection, writes by one thread that commits together what
waits. PostgreSQL: both in threads over a pool. Work may run again after a deadlock, so it must have no other
effect. Measured: MEASURED.md 3.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from dynamic_api.database.writer import Writer
from dynamic_api.errors import Refusal, Unavailable

T = TypeVar("T")
Work = Callable[[Connection], T]
BUSY_SECONDS = 10
STAMP_SECONDS = 0.005
"""How long a stamp is believed, should another program write; what this process writes shows at once."""
_DEADLOCK_TRIES = 4


class Database(Protocol):
    """Where state is kept."""

    @property
    def engine(self) -> Engine:
        """For migrations and for programs without a loop."""
        ...

    def stamp(self) -> int | None:
        """Changes when anything was committed; None where that is not known."""
        ...

    async def read(self, work: Work[T]) -> T:
        """What `work` gives; it must not write. Raises Unavailable."""
        ...

    async def survey(self, work: Work[T]) -> T:
        """As `read`, for what takes long: never on the event loop. Raises Unavailable."""
        ...

    async def write(self, work: Work[T]) -> T:
        """What `work` gives, once its transaction is on disk; undone when it raises. Raises Unavailable."""
        ...

    def close(self) -> None:
        """Finish what waits, and let go of every connection."""
        ...


def open_database(url: str, pool_size: int = 8, before_commit: Work[None] | None = None) -> Database:
    """The database at `url`. `before_commit` runs at the end of each transaction, within it."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return SQLite(parsed, before_commit)
    return PostgreSQL(parsed.set(drivername="postgresql+psycopg"), pool_size, before_commit)


class SQLite:
    """A SQLite file, for one process of the API."""

    def __init__(self, url: URL, before_commit: Work[None] | None = None) -> None:
        self.engine = sqlite_engine(url)
        self._reader = self.engine.connect()
        self._reader.exec_driver_sql("PRAGMA query_only = ON")
        self._raw = self._reader.connection.cursor()
        self._writer = Writer(self.engine, before_commit)
        self._file = url.database
        self._inode = _inode(self._file)
        self._stamp = 0
        self._stamped_until = 0.0

    def stamp(self) -> int | None:
        now = time.monotonic()
        if now >= self._stamped_until:
            self._raw.execute("PRAGMA data_version")
            row: Any = self._raw.fetchone()
            self._stamp = int(row[0])
            self._stamped_until = now + STAMP_SECONDS
        return self._stamp

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
        self._threads = ThreadPoolExecutor(pool_size, thread_name_prefix="database")
        self._before_commit = before_commit

    def stamp(self) -> int | None:
        return None

    async def read(self, work: Work[T]) -> T:
        return await self._in_thread(lambda: self._read(work))

    async def survey(self, work: Work[T]) -> T:
        return await self.read(work)

    async def write(self, work: Work[T]) -> T:
        return await self._in_thread(lambda: self._write(work))

    def close(self) -> None:
        self._threads.shutdown(wait=True)
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
        with self.engine.begin() as connection:
            answer = work(connection)
            if self._before_commit is not None:
                self._before_commit(connection)
            return answer


def _inode(file: str | None) -> tuple[int, int] | None:
    """Which file there is at a path; None for none, and for a database in memory."""
    try:
        found = os.stat(file or "")  # noqa: PTH116 - a Path costs more than the look
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _lost_a_race(error: OperationalError) -> bool:
    """Whether PostgreSQL undid the transaction for another's sake: deadlock or serialization failure."""
    return getattr(error.orig, "sqlstate", None) in {"40P01", "40001"}


def unavailable(error: DBAPIError) -> Refusal:
    """What callers are told when the database fails; the cause goes to the log."""
    if isinstance(error, OperationalError):
        return Unavailable("database_unavailable", "the database does not answer", mend="try again later")
    raise error


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
    return engine


def _set_up(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "cache_size = -16384",
        "temp_store = MEMORY",
        "trusted_schema = OFF",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
