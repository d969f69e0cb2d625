"""One interface over SQLite and PostgreSQL: `read` and `write` run a plain function on a connection.

`sqlite.py` and `postgresql.py` say how. Work may run again after a deadlock, so it must have no other effect.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable, Hashable
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from dynamic_api.errors import Refusal, Unavailable

T = TypeVar("T")
Work = Callable[[Connection], T]
BUSY_SECONDS = 10
_NO_TABLE_OR_COLUMN = frozenset(("42P01", "42703"))
STAMP_SECONDS = 0.005
"""How long a stamp is believed, should another program write; what this process writes shows at once."""


class Database(Protocol):
    """Where state is kept."""

    @property
    def engine(self) -> Engine:
        """For migrations and for programs without a loop."""
        ...

    async def stamp(self) -> Hashable:
        """What differs from any earlier one if something was committed in between. Raises Unavailable."""
        ...

    def stamp_at_hand(self) -> Hashable | None:
        """As `stamp`; None where one would have to wait for it. For the event loop."""
        ...

    def stamp_soon(self) -> Future[Any] | None:
        """When a stamp that is not at hand may be; None where it always is. For the event loop."""
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
    # Each is imported where it serves: a driver takes megabytes.
    if parsed.get_backend_name() == "sqlite":
        from dynamic_api.database.sqlite import SQLite

        return SQLite(parsed, before_commit)
    from dynamic_api.database.postgresql import PostgreSQL

    return PostgreSQL(parsed.set(drivername="postgresql+psycopg"), pool_size, before_commit)


def unavailable(error: DBAPIError) -> Refusal:
    """What callers are told when the database fails; the cause goes to the log."""
    if _lacks_a_part(error):
        return Unavailable(
            "database_schema",
            "the database answers, but has another schema than this server needs",
            mend="its operator starts the server again, which migrates it, or restores it from a back-up",
        )
    if isinstance(error, OperationalError):
        return no_answer()
    raise error


def _lacks_a_part(error: DBAPIError) -> bool:
    """Whether a table or a column is not there, as both databases say it."""
    said = str(error.orig)
    return getattr(error.orig, "sqlstate", None) in _NO_TABLE_OR_COLUMN or (
        said.startswith(("no such table", "no such column")) or "has no column named" in said
    )


def no_answer() -> Unavailable:
    """What callers are told while the database is away."""
    return Unavailable("database_unavailable", "the database does not answer", mend="try again later")
