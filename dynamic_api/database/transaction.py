"""Beginning and ending a transaction on a connection that leaves both to us."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from dynamic_api.database import at_end
from dynamic_api.database.engine import Work

COMMIT = "COMMIT"


def begin(connection: Connection, statement: str = "BEGIN") -> None:
    """Begin a transaction; nothing waits for its end yet."""
    connection.exec_driver_sql(statement)
    at_end.clear(connection)


def commit(connection: Connection, before_commit: Work[None] | None) -> None:
    """Write what waits for the end, and commit."""
    if before_commit is not None:
        before_commit(connection)
    at_end.require_none(connection)
    connection.exec_driver_sql(COMMIT)


def undo(connection: Connection) -> None:
    """End a transaction that failed; a connection on which that fails goes nowhere else."""
    with suppress(DBAPIError):
        if not connection.invalidated:
            connection.exec_driver_sql("ROLLBACK")
            return
    connection.invalidate()
